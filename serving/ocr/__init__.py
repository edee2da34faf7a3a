"""Requests to the OCR model and `/v1/ocr`, and their answers."""
