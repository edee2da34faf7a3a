"""Requests to the chat model, answered by vLLM's own OpenAI classes."""
