"""PP-OCR on ONNX Runtime through RapidOCR: the engine that runs on a CPU."""
