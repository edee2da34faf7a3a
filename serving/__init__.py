"""The online service: OCR and chat behind an OpenAI-compatible API, on Ray Serve."""
