"""Finds pages that lie on their side or stand on their head.

`lean` looks at every page, takes milliseconds and knows no script; what it finds unsuspicious is
left alone. `compass` reads a few lines of the others in all directions that they may have.
"""

from pipeline.orientation.compass import Compass

__all__ = ["Compass"]
