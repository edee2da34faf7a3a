"""Rows out: the schema, the shards, what is done, the receipt."""
