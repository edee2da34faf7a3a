"""One run of the batch job, from its config to its receipt."""
