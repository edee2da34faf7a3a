"""Text without pictures: text layers and their trust, reading order, repetition. Pure."""
