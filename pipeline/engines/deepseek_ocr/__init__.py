"""DeepSeek-OCR on vLLM: prompts, pictures, answers, arguments, supervision."""
