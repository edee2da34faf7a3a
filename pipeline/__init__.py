"""Rayscribe's pipeline: documents in, one row for every page out."""

__version__ = "0.1.0"
