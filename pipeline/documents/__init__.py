"""Lists documents and reads their pages. Untrusted bytes are only opened in `sandbox`."""
