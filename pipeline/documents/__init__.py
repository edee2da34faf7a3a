"""Documents in: what is named, what it is, and its pages. Untrusted bytes are read in `sandbox`."""
