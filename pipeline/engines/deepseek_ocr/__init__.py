"""DeepSeek-OCR on vLLM: prompts, views, answers, vLLM's arguments, supervision."""
