"""Text layers and their trust, reading order, repetition. Pure: no files, no images."""
