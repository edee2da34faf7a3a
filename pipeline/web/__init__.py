"""What pages in a browser share, those of the viewer and of the service: HTML, style, script."""
