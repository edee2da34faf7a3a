"""What makes vLLM itself faster for DeepSeek-OCR. Loaded by vLLM's processes, by name."""
