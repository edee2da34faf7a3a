"""The chat model: checks of requests, and vLLM's OpenAI serving classes."""
