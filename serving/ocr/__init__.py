"""The OCR model: parsing of requests, reading of pages, and the answers."""
