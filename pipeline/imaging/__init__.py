"""Arithmetic on pixels: resize, tile, rotate, ink, projection profile. Pure functions on arrays."""
