"""The page at `/` and the documentation at `/docs`, for people with a browser."""
