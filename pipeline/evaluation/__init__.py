"""Compares texts with their truth. Pure: texts in, numbers out. Needs the extra `evaluate`."""
