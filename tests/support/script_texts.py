"""Sentences in several scripts, and pages that show them."""

from __future__ import annotations

from pathlib import Path

import pymupdf

from pipeline.types import Pixels

SENTENCES = {
    "Latin": "The harbour office keeps a ledger of every vessel that has paid for its mooring.",
    "Cyrillic": "Портовая контора ведёт книгу, в которой записано каждое судно, что стояло у"
    " причала и заплатило за место. Осенью здесь выгружали соль, зерно и лес.",
    "Greek": "Το γραφείο του λιμανιού κρατά ένα βιβλίο όπου γράφεται κάθε πλοίο που έδεσε στην"
    " αποβάθρα και πλήρωσε τη θέση του. Το φθινόπωρο ξεφόρτωναν εδώ αλάτι και σιτάρι.",
    "Hebrew": "משרד הנמל מנהל ספר שבו רשומה כל ספינה שעגנה ליד הרציף ושילמה על מקומה. בסתיו"
    " פרקו כאן מלח, תבואה ועצים.",
    "Arabic": "يحتفظ مكتب الميناء بدفتر تسجل فيه كل سفينة رست عند الرصيف ودفعت أجرة مكانها. في"
    " الخريف كانوا يفرغون هنا الملح والحبوب والأخشاب.",
    "Devanagari": "बंदरगाह का कार्यालय एक बही रखता है जिसमें हर उस जहाज का नाम लिखा जाता है जो घाट"
    " पर रुका और जिसने अपनी जगह का किराया चुकाया।",
    "Thai": "สำนักงานท่าเรือเก็บสมุดบัญชีที่จดชื่อเรือทุกลำที่มาจอดและจ่ายค่าที่จอดแล้ว",
    "Hangul": "항만 사무소는 부두에 머물며 자리 값을 치른 모든 배의 이름을 장부에 적어 둔다.",
    "Vietnamese": "Văn phòng cảng giữ một cuốn sổ ghi tên mọi con tàu đã cập bến và trả tiền"
    " chỗ. Mùa thu ở đây người ta dỡ muối, lúa mì và gỗ xuống những chiếc xe ngựa chờ sẵn.",
}
"""One or two sentences in each script, by its name."""


def script_page(
    text: str, *, hidden: bool = False, picture: bool = False, language: str = ""
) -> bytes:
    """A PDF page with a text layer in the font that PyMuPDF carries (Latin, Cyrillic, Greek, Han).

    Args:
        text: Its words.
        hidden: Whether the text is invisible, and a picture of it lies over the page.
        picture: Whether a picture without text fills the lower half.
        language: What the document states as its language.
    """
    document = pymupdf.open()
    page = document.new_page()
    _write(page, text, hidden)
    if hidden:
        page.insert_image(page.rect, pixmap=_picture_of(text))
    if picture:
        stripes = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 60, 60))
        stripes.clear_with(90)
        stripes.set_rect(pymupdf.IRect(0, 20, 60, 40), (200, 40, 90))
        page.insert_image((60, 400, 535, 780), pixmap=stripes)
    if language:
        document.xref_set_key(document.pdf_catalog(), "Lang", f"({language})")
    return bytes(document.tobytes())


def scanned_page(text: str, language: str = "") -> bytes:
    """A PDF page that is a picture of text, without a text layer."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_image(page.rect, pixmap=_picture_of(text))
    if language:
        document.xref_set_key(document.pdf_catalog(), "Lang", f"({language})")
    return bytes(document.tobytes())


def pixels_of(text: str) -> Pixels:
    """A page with text as pixels, 150 dpi."""
    import numpy as np

    pixmap = _picture_of(text)
    shape = (pixmap.height, pixmap.width, pixmap.n)
    return np.frombuffer(pixmap.samples, np.uint8).reshape(shape)[:, :, :3].copy()


def written(content: bytes, folder: Path) -> str:
    """The path of a file with this content."""
    path = folder / "page.pdf"
    path.write_bytes(content)
    return str(path)


def _write(page: pymupdf.Page, text: str, hidden: bool) -> None:
    writer = pymupdf.TextWriter(page.rect)
    writer.fill_textbox((60, 60, 535, 390), text, font=pymupdf.Font("cjk"), fontsize=12)
    writer.write_text(page, render_mode=3 if hidden else 0)


def _picture_of(text: str) -> pymupdf.Pixmap:
    document = pymupdf.open()
    page = document.new_page()
    _write(page, text, hidden=False)
    return page.get_pixmap(dpi=150)
