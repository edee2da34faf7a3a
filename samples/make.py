"""Makes the sample documents: ``python samples/make.py``. All text in them is invented here."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pymupdf
from PIL import Image, ImageFilter

HERE = Path(__file__).parent
LETTER = pymupdf.paper_rect("letter")

INVOICE = """
<h1>Harbour Instruments Ltd</h1>
<p>14 Quay Street, Port Ellery<br/>Invoice 2026-0417, 12 March 2026</p>
<table border="1" cellpadding="4">
<tr><td>Item</td><td>Quantity</td><td>Price</td></tr>
<tr><td>Brass sextant, restored</td><td>1</td><td>1,240.00</td></tr>
<tr><td>Tide gauge, wall model</td><td>3</td><td>318.50</td></tr>
<tr><td>Calibration certificate</td><td>4</td><td>45.00</td></tr>
</table>
<p>Total due within thirty days: 2,375.50</p>
"""

LEFT = """
<h2>Slow clocks</h2>
<p>A tower clock that loses a minute a week is not broken. Its pendulum is a rod of iron, and
iron grows in the heat of July and shrinks in the cold of January. Nobody who climbs the tower
with an oil can will change that.</p>
<p>The keeper of our own clock wrote down every correction from 1908 on. His books show a wave,
one crest a year, as regular as the swallows that nest above the bell.</p>
"""

RIGHT = """
<p>In 1931 a new rod of invar was fitted. The wave in the books becomes a ripple, and the
corrections stop for weeks at a time.</p>
<p>What is left is the wind. On nights of strong westerlies the hands are pushed, the train of
wheels feels it, and in the morning the keeper has a second or two to give back to the town.</p>
"""

NOTICE = """
<h1>Library notice</h1>
<p>The reading room closes at six o'clock on Fridays. Books may be returned through the slot
beside the east door at any hour.</p>
<p>Please report damaged pages to the desk. We mend them.</p>
"""


def page(*parts: tuple[pymupdf.Rect, str]) -> bytes:
    """A PDF of one letter page with HTML in boxes (points)."""
    document = pymupdf.open()
    sheet = document.new_page(width=LETTER.width, height=LETTER.height)
    for box, html in parts:
        sheet.insert_htmlbox(box, html, css="* {font-family: serif; font-size: 12pt;}")
    document.subset_fonts()
    return document.tobytes(garbage=4, deflate=True, no_new_id=True)


def scan(pdf: bytes, angle_deg: float, noise: float) -> Image.Image:
    """The first page as a scanner would see it: grey, a little turned, blurred and noisy."""
    pixmap = pymupdf.open("pdf", pdf)[0].get_pixmap(dpi=150, colorspace=pymupdf.csGRAY)
    picture = Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)
    picture = picture.rotate(angle_deg, Image.Resampling.BICUBIC, fillcolor=255)
    picture = picture.filter(ImageFilter.GaussianBlur(0.6))
    grain = np.random.default_rng(7).normal(0, noise, (picture.height, picture.width))
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))


def main() -> None:
    """Write all samples beside this file."""
    whole = pymupdf.Rect(72, 72, 540, 720)
    left, right = pymupdf.Rect(54, 72, 294, 720), pymupdf.Rect(318, 72, 558, 720)
    article = page((left, LEFT), (right, RIGHT))
    notice = page((whole, NOTICE))
    (HERE / "invoice.pdf").write_bytes(page((whole, INVOICE)))
    (HERE / "article.pdf").write_bytes(article)
    scan(notice, 0.4, 6).save(HERE / "notice.jpg", quality=60, dpi=(150, 150))
    fax = [scan(pdf, 0, 0).convert("1") for pdf in (notice, article)]
    buffer = io.BytesIO()
    fax[0].save(
        buffer, "TIFF", save_all=True, append_images=fax[1:], compression="group4", dpi=(150, 150)
    )
    (HERE / "fax.tiff").write_bytes(buffer.getvalue())


if __name__ == "__main__":
    main()
