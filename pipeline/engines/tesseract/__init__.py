"""Tesseract, an optional engine for the CPU that reads about a hundred languages."""
