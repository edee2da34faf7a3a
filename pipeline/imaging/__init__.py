"""Arithmetic on pixels: resize, tile, turn, ink, skew. Pure: arrays in, arrays and numbers out."""
