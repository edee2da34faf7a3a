"""The engines: one protocol, one module each."""
