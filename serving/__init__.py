"""The online door: the same models behind an OpenAI-compatible endpoint."""
