"""Rayscribe as an OCR engine of OCRmyPDF: ``ocrmypdf --ocr-engine rayscribe in.pdf out.pdf``."""
