"""The vision encoder of DeepSeek-OCR for all images of a step: batched, in CUDA graphs."""
