"""An output for people: pages beside their text, as a static site or served on loopback."""
