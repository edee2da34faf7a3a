"""What every request meets: middleware, keys, rates, bodies, streams."""
