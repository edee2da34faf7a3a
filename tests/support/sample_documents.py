"""Documents for tests and measurements, built in memory: good ones and ones that go wrong."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

LETTER = (612.0, 792.0)
WORDS = ("invoice", "quarter", "seventeen", "harbour", "copper", "ledger", "voyage", "tariff")

_PROSE = (
    "the old harbour master had written down every ship that came into the bay since "
    "the spring and no one but his daughter could read the small letters that he used "
    "for names of captains cargo and the weather on the morning when they left again"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a PDF made by `pdf`.

    Attributes:
        content: The content stream.
        size_pt: Width and height of the MediaBox.
        entries: More of the page's dictionary, such as b"/Rotate 90". /Contents here takes the
            place of `content`.
    """

    content: bytes = b""
    size_pt: tuple[float, float] = LETTER
    entries: bytes = b""


def pdf(
    pages: Sequence[Page],
    resources: bytes = b"",
    objects: Sequence[bytes] = (),
    catalog: bytes = b"",
) -> bytes:
    """A PDF with Helvetica as /F1.

    Args:
        pages: Its pages.
        resources: More of every page's resources.
        objects: More objects; the first has number 4.
        catalog: More of the catalog.
    """
    first_page = 4 + len(objects)
    numbers = range(first_page, first_page + 2 * len(pages), 2)
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    body = [
        b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
        b"<</Type/Pages/Count %d/Kids[%s]/Resources<</Font<</F1 3 0 R>>%s>>>>"
        % (len(pages), kids, resources),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *objects,
    ]
    for number, page in zip(numbers, pages, strict=True):
        box = b"/MediaBox[0 0 %g %g]" % page.size_pt
        contents = b"/Contents %d 0 R" % (number + 1)
        if b"/Contents" in page.entries:
            contents = b""
        body.append(b"<</Type/Page/Parent 2 0 R%s%s%s>>" % (box, contents, page.entries))
        body.append(stream(page.content))
    return file_of_objects(body)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """A PDF stream object."""
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), entries, content)


def file_of_objects(objects: Sequence[bytes]) -> bytes:
    """A PDF file of these objects, numbered from 1; the first is the catalog."""
    out, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, size = len(out), len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    return bytes(out)


def text_content(lines: Sequence[str], size_pt: float = 11, top_pt: float = 730) -> bytes:
    """Lines of Helvetica from the top of a Letter page."""
    shown = b"".join(b"(%s) Tj T*\n" % _escaped(line) for line in lines)
    return b"BT /F1 %g Tf %g TL 60 %g Td\n%sET" % (size_pt, size_pt * 1.25, top_pt, shown)


def _escaped(line: str) -> bytes:
    raw = line.encode("latin-1")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def text_pdf(page_count: int = 1) -> bytes:
    """Pages full of text; each begins with "Page N"."""
    return pdf([Page(text_content(text_lines(number))) for number in range(1, page_count + 1)])


def marked(content: bytes, mark: object) -> bytes:
    """The same PDF in other bytes, so that it is not taken for another one's twin."""
    return content + f"\n% {mark}\n".encode()


def text_lines(number: int, lines: int = 50) -> list[str]:
    """What stands on page `number` of `text_pdf`."""
    body = [
        " ".join(WORDS[(number + line * word) % len(WORDS)] for word in range(1, 12))
        for line in range(1, lines)
    ]
    return [f"Page {number}", *body]


def prose(lines: int = 40) -> list[str]:
    """Lines of English, without a word that is there by chance."""
    words = _PROSE.split()
    return [
        " ".join(words[(line * 7 + word) % len(words)] for word in range(10))
        for line in range(lines)
    ]


def swapped(lines: Sequence[str]) -> list[str]:
    """The lines as a font without a table of its own says them: other letters, same shapes."""
    table = str.maketrans("abcdefghijklmnopqrstuvwxyz", "qwkxzvbjgyfpmzqwkxvbjyfphc")
    return [line.translate(table) for line in lines]


def scan_pdf(text: bytes, before: bytes = b"", picture_pt: Sequence[float] = (612, 792)) -> bytes:
    """A page with a grey picture, and content drawn before and after it."""
    drawn = b"q %g 0 0 %g 0 0 cm /Im Do Q " % (picture_pt[0], picture_pt[1])
    entries = b"/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray"
    picture = stream(b"\x80", entries + b"/BitsPerComponent 8")
    page = Page(before + b" " + drawn + text)
    return pdf([page], b"/XObject<</Im 4 0 R>>", [picture])


def picture_pdf(content: bytes, entries: bytes, drawn: bytes = b"") -> bytes:
    """A page that is a picture of 64 x 64 px, and content drawn after it."""
    shape = b"/Type/XObject/Subtype/Image/Width 64/Height 64"
    page = Page(b"q 612 0 0 792 0 0 cm /Im Do Q " + drawn)
    return pdf([page], b"/XObject<</Im 4 0 R>>", [stream(content, shape + entries)])


def turned_content(content: bytes, deg: int, size_pt: tuple[float, float] = LETTER) -> bytes:
    """Content that stands upright once the page is turned clockwise by so much.

    Content is that of a page of the turned size.
    """
    width, height = size_pt
    matrix = {
        0: (1, 0, 0, 1, 0, 0),
        90: (0, 1, -1, 0, width, 0),
        180: (-1, 0, 0, -1, width, height),
        270: (0, -1, 1, 0, 0, height),
    }[deg]
    return b"q %g %g %g %g %g %g cm %s Q" % (*matrix, content)


def corner_content(size_pt: tuple[float, float]) -> bytes:
    """A red square of 40 pt in the top left corner of the page before rotation."""
    return b"1 0 0 rg 0 %g 40 40 re f" % (size_pt[1] - 40)


def many_pages_pdf(page_count: int) -> bytes:
    """A flat tree of empty pages, every second one rotated."""
    first = 3
    kids = b" ".join(b"%d 0 R" % (first + index) for index in range(page_count))
    tree = b"<</Type/Pages/Count %d/MediaBox[0 0 612 792]/Kids[%s]>>" % (page_count, kids)
    turned = (
        b"<</Type/Page/Parent 2 0 R/Rotate %d>>" % (index % 2 * 90) for index in range(page_count)
    )
    return file_of_objects([b"<</Type/Catalog/Pages 2 0 R>>", tree, *turned])


def no_pages_pdf() -> bytes:
    """A sound PDF without pages."""
    return file_of_objects([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 0/Kids[]>>"])


def encrypted_pdf(user_password: str, owner_password: str = "owner") -> bytes:
    """A one-page PDF, AES-256. An empty user's password leaves it open to all."""
    import pymupdf

    with pymupdf.open(stream=text_pdf(), filetype="pdf") as document:
        encrypted: bytes = document.tobytes(
            encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw=user_password, owner_pw=owner_password
        )
    return encrypted


def carrying_pdf(
    listed: Sequence[tuple[str, bytes | None]],
    pinned: Sequence[tuple[str, bytes]] = (),
    pages: Sequence[Page] = (Page(),),
) -> bytes:
    """A PDF with embedded files: in its list, and pinned to its first page.

    Args:
        listed: Names and bytes. None: the file is named and is not there.
        pinned: Names and bytes.
        pages: Its pages; none where nothing is pinned.
    """
    files = [*listed, *pinned]
    objects, specs = [], []
    for name, content in files:
        text = f"\ufeff{name}".encode("utf-16-be", "surrogatepass")
        spec = b"<</Type/Filespec/UF<%s>" % text.hex().encode()
        if content is not None:
            packed = zlib.compress(content)
            objects.append(stream(packed, b"/Type/EmbeddedFile/Filter/FlateDecode"))
            spec += b"/EF<</F %d 0 R>>" % (3 + len(objects))
        specs.append(spec + b">>")
    entries = enumerate(specs[: len(listed)])
    names = b"".join(b"(%04d)%s" % (number, spec) for number, spec in entries)
    pins = b"".join(
        b"<</Type/Annot/Subtype/FileAttachment/Rect[9 9 19 19]/FS%s>>" % spec
        for spec in specs[len(listed) :]
    )
    pinning = [replace(page, entries=page.entries + b"/Annots[%s]" % pins) for page in pages[:1]]
    catalog = b"/Names<</EmbeddedFiles<</Names[%s]>>>>" % names
    return pdf([*pinning, *pages[1:]], objects=objects, catalog=catalog)


def endless_pdf(depth: int = 12) -> bytes:
    """A small page that takes years: forms that each draw the next one eight times.

    The page before it and the page after it are fine.
    """
    forms = [_form(b"/X%d Do " % (level + 1) * 8, level + 1) for level in range(depth)]
    forms.append(_form(b"0 0 m 600 780 l S", None))
    endless = Page(b"/X0 Do")
    fine = Page(text_content(["fine"]))
    return pdf([fine, endless, fine], b"/XObject<</X0 4 0 R>>", forms)


def cyclic_structure_pdf() -> bytes:
    """A tagged page whose structure elements are each other's parent and child."""
    marked = b"/P <</MCID %d>> BDC\n%s\nEMC\n"
    content = b"".join(
        marked % (n, text_content([f"tagged {n}"], 11, 700 - 20 * n)) for n in (0, 1)
    )
    objects = [
        b"<</Type/StructTreeRoot/K[6 0 R]/ParentTree 7 0 R>>",
        b"<</Type/StructElem/S/P/P 6 0 R/K[0 6 0 R]>>",
        b"<</Type/StructElem/S/Sect/P 5 0 R/K[1 5 0 R]>>",
        b"<</Nums[0[5 0 R 6 0 R]]>>",
    ]
    page = Page(content, entries=b"/StructParents 0")
    catalog = b"/StructTreeRoot 4 0 R/MarkInfo<</Marked true>>"
    return pdf([page, Page(text_content(["fine"]))], b"", objects, catalog)


def inflating_pdf(mib: int, where: str = "content", filters: int = 1) -> bytes:
    """A small file whose second page of three decodes to so many MiB of drawing operators.

    Args:
        mib: MiB of operators.
        where: What is large: "content", a "form" in a form, a "pattern" or a "font" (Type 3).
        filters: How many times they are compressed.
    """
    begin = b"99 0 0 0 99 99 d1 " if where == "font" else b""
    packer = zlib.compressobj(9)  # the operators are never in memory all at once
    packed = [packer.compress(begin + b"0 0 50 50 re f\n")]
    packed += [packer.compress(b"q 0 g 0 w 0 J Q\n" * (1 << 16)) for _ in range(mib)]
    large = b"".join([*packed, packer.flush()])
    for _ in range(filters - 1):
        large = zlib.compress(large, 9)
    flate = b"/Filter[%s]" % (b"/FlateDecode" * filters)
    box = b"/BBox[0 0 99 99]"
    tiled = b"/PatternType 1/PaintType 1/TilingType 1/XStep 99/YStep 99/Resources<<>>"
    bulk = {
        "content": flate,
        "form": b"/Type/XObject/Subtype/Form%s%s" % (box, flate),
        "pattern": b"/Type/Pattern%s%s%s" % (tiled, box, flate),
        "font": flate,
    }[where]
    outer = stream(
        b"/X0 Do", b"/Type/XObject/Subtype/Form%s/Resources<</XObject<</X0 4 0 R>>>>" % box
    )
    font = (
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 99 99]/FontMatrix[1 0 0 1 0 0]/FirstChar 97"
        b"/LastChar 97/Widths[9]/CharProcs<</a 4 0 R>>/Encoding<</Differences[97/a]>>>>"
    )
    fonts = b"/Font<</F9 6 0 R>>"
    used = b"/XObject<</X1 5 0 R>>/Pattern<</P0 4 0 R>>" if where != "content" else b""
    objects = [stream(large, bulk), outer, font]
    resources = b"/Resources<<%s%s>>" % (used, fonts if where == "font" else b"")
    content = {
        "form": b"/X1 Do",
        "pattern": b"/Pattern cs /P0 scn 0 0 99 99 re f",
        "font": b"BT /F9 1 Tf (a) Tj ET",
    }
    heavy = Page(content.get(where, b""), entries=resources)
    if where == "content":
        heavy = Page(entries=b"/Contents[4 0 R 4 0 R]")
    fine = Page(text_content(["fine"]))
    return pdf([fine, heavy, fine], b"", objects)


def _form(content: bytes, draws: int | None) -> bytes:
    entries = b"/Type/XObject/Subtype/Form/BBox[0 0 612 792]"
    if draws is not None:
        entries += b"/Resources<</XObject<</X%d %d 0 R>>>>" % (draws, 4 + draws)
    return stream(content, entries)


def stacked_groups_pdf(depth: int = 200) -> bytes:
    """A page that needs memory: transparency groups one inside the other, each page-sized."""
    group = b"/Group<</S/Transparency/I true/K true>>"
    forms = [
        stream(
            b"/G gs /X%d Do" % (level + 1),
            b"/Type/XObject/Subtype/Form/BBox[0 0 612 792]%s"
            b"/Resources<</ExtGState<</G<</ca 0.5/BM/Multiply>>>>/XObject<</X%d %d 0 R>>>>"
            % (group, level + 1, 5 + level),
        )
        for level in range(depth)
    ]
    forms.append(_form(b"1 0 0 rg 0 0 600 780 re f", None))
    page = Page(b"/G gs /X0 Do")
    resources = b"/ExtGState<</G<</ca 0.5/BM/Multiply>>>>/XObject<</X0 4 0 R>>"
    return pdf([page], resources, forms)


def corner_picture(width_px: int = 60, height_px: int = 40) -> Image.Image:
    """White with a red square, a quarter of the height, in the top left corner."""
    pixels = np.full((height_px, width_px, 3), 255, np.uint8)
    pixels[: height_px // 4, : height_px // 4] = (255, 0, 0)
    return Image.fromarray(pixels)


def saved(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """The bytes of an image file."""
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def turned(image: Image.Image, orientation: int, format_name: str) -> bytes:
    """A file that shows `image` once its EXIF orientation is applied."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = image if undo is None else image.transpose(undo)
    if format_name == "TIFF":
        return saved(stored, format_name, tiffinfo={0x0112: orientation}, dpi=(200, 100))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(stored, format_name, exif=exif, dpi=(200, 100))


def frames_tiff(images: Sequence[Image.Image], **options: Any) -> bytes:
    """A TIFF with a frame for each image."""
    first, *others = images
    return saved(first, "TIFF", save_all=True, append_images=others, **options)


def animation(format_name: str, frames: int = 3) -> bytes:
    """A moving picture; its first frame is red."""
    colours = ["red", "lime", "blue", "black"]
    first, *others = [Image.new("RGB", (20, 10), colours[index % 4]) for index in range(frames)]
    return saved(first, format_name, save_all=True, append_images=others)


def cmyk_picture() -> Image.Image:
    """Four stripes of pure ink: cyan, magenta, yellow, black."""
    pixels = np.zeros((8, 32, 4), np.uint8)
    for ink in range(4):
        pixels[:, ink * 8 : ink * 8 + 8, ink] = 255
    return Image.fromarray(pixels, "CMYK")


def deep_picture(low: int = 0, high: int = 65535) -> Image.Image:
    """A ramp of 16-bit grey from `low` to `high`, 64 x 16 px."""
    ramp = np.linspace(low, high, 64).astype(np.uint16)
    return Image.fromarray(np.ascontiguousarray(np.broadcast_to(ramp, (16, 64))))


def large_png(side_px: int) -> bytes:
    """A square of one colour: few bytes, many pixels."""
    return saved(Image.new("L", (side_px, side_px), 255), "PNG")


def noise_picture(width_px: int, height_px: int, seed: int = 0) -> Image.Image:
    """Pixels that no format can compress, always the same."""
    values = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), np.uint8)
    return Image.fromarray(values)


def tiff_with_broken_frame() -> bytes:
    """A TIFF of one good frame that points to a second one, whose header has no size."""
    content = bytearray(saved(corner_picture(), "TIFF"))
    order = "<" if content[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", content, 4)
    (entries,) = struct.unpack_from(order + "H", content, first)
    content += b"\0" * (len(content) % 2)
    struct.pack_into(order + "I", content, first + 2 + entries * 12, len(content))
    tag = struct.pack(order + "HHII", 0x0103, 3, 1, 1)  # the compression and nothing else
    return bytes(content + struct.pack(order + "H", 1) + tag + b"\0\0\0\0")


def photoshop_file(image: Image.Image) -> bytes:
    """A flat PSD: Pillow's reader of it is not in use here."""
    pixels = np.asarray(image.convert("RGB"))
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, *pixels.shape[:2], 8, 3)
    return head + bytes(14) + pixels.transpose(2, 0, 1).tobytes()


def nibble_tiff(images: Sequence[Image.Image], tags: Sequence[tuple[int, int]] = ()) -> bytes:
    """A TIFF with 4 bits a sample, which Pillow refuses.

    Args:
        images: A frame each, of an even number of pixels.
        tags: More tags, with values of 16 bits, or of dots per inch for those of resolution.
    """
    content = bytearray(b"II*\0\x08\0\0\0")
    for number, image in enumerate(images):
        samples = (np.asarray(image.convert("RGB")) >> 4).reshape(-1)
        pixels = (samples[0::2] << 4 | samples[1::2]).astype(np.uint8).tobytes()
        entries = {256: image.width, 257: image.height, 259: 1, 262: 2, 277: 3, 278: image.height}
        entries |= dict(tags) | {258: 0, 273: 0, 279: len(pixels)}
        behind = len(content) + 2 + 12 * len(entries) + 4
        bits, ratios = struct.pack("<3H", 4, 4, 4), bytearray()
        directory = struct.pack("<H", len(entries))
        for tag, value in sorted(entries.items()):
            if tag in (282, 283):
                directory += struct.pack("<HHII", tag, 5, 1, behind + len(bits) + len(ratios))
                ratios += struct.pack("<II", value, 1)
            elif tag == 258:
                directory += struct.pack("<HHII", tag, 3, 3, behind)
            elif tag == 273:
                place = behind + len(bits) + 8 * sum(one in entries for one in (282, 283))
                directory += struct.pack("<HHII", tag, 4, 1, place)
            else:
                directory += struct.pack("<HHII", tag, 4, 1, value)
        end = place + len(pixels)
        end += end % 2
        is_last = number == len(images) - 1
        content += directory + struct.pack("<I", 0 if is_last else end) + bits + ratios + pixels
        content += bytes(end - len(content))
    return bytes(content)


def fax_bits(image: Image.Image) -> bytes:
    """The dark pixels of a picture in fax group 4, without a file around them."""
    dark = image.convert("L").point(lambda level: 255 * (level < 128)).convert("1")
    content = saved(dark, "TIFF", compression="group4", strip_size=1 << 20)
    with Image.open(io.BytesIO(content)) as file:
        assert isinstance(file, TiffImagePlugin.TiffImageFile)
        start, size = file.tag_v2[273][0], file.tag_v2[279][0]
    return content[start : start + size]


def jbig2_page(image: Image.Image) -> bytes:
    """The dark pixels of a picture as JBIG2, as it stands in a PDF: a page and one region."""
    size = struct.pack(">II", *image.size)
    page = size + bytes(11)
    region = size + bytes(9) + b"\x01" + fax_bits(image)  # 1: the region is coded as a fax is
    segments = ((0, 48, page), (1, 38, region))
    return b"".join(
        struct.pack(">IBBBI", number, kind, 0, 1, len(body)) + body
        for number, kind, body in segments
    )


def jbig2_file(image: Image.Image) -> bytes:
    """The same as a file of its own."""
    end = struct.pack(">IBBBI", 2, 49, 0, 1, 0) + struct.pack(">IBBBI", 3, 51, 0, 0, 0)
    return b"\x97JB2\r\n\x1a\n\x01" + struct.pack(">I", 1) + jbig2_page(image) + end


def text_bomb_png() -> bytes:
    """A small PNG with a comment of 16 MB, compressed to 16 kB."""
    comment = PngImagePlugin.PngInfo()
    comment.add_text("Comment", "a" * 16_000_000, zip=True)
    return saved(corner_picture(), "PNG", pnginfo=comment)


def broken_fax() -> bytes:
    """A TIFF in fax group 4 with wrong bits in the middle, which libtiff reads nevertheless."""
    content = bytearray(saved(noise_picture(64, 64).convert("1"), "TIFF", compression="group4"))
    with Image.open(io.BytesIO(content)) as image:
        assert isinstance(image, TiffImagePlugin.TiffImageFile)
        start, size = image.tag_v2[273][0], image.tag_v2[279][0]
    content[start + size // 2 : start + size // 2 + 8] = bytes(range(1, 9))
    return bytes(content)


def font_pdf(
    shown: bytes,
    differences: bytes,
    to_unicode: dict[int, str] | None,
) -> bytes:
    """A page of prose, and a last line in an embedded font of its own, /F2.

    Args:
        shown: Operators of the last line after `/F2 11 Tf`.
        differences: Codes and names of glyphs, which are what is seen.
        to_unicode: The characters that the file says the codes are; None for no such table.
    """
    import pymupdf

    descriptor = (
        b"<</Type/FontDescriptor/FontName/ABCDEF+Signs/Flags 4/FontBBox[0 -200 1000 900]"
        b"/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700/StemV 80/FontFile3 4 0 R>>"
    )
    told = b"" if to_unicode is None else b"/ToUnicode 7 0 R"
    font = (
        b"<</Type/Font/Subtype/Type1/BaseFont/ABCDEF+Signs/FontDescriptor 5 0 R/FirstChar 32"
        b"/LastChar 126/Widths[%s]/Encoding<</BaseEncoding/WinAnsiEncoding/Differences[%s]>>%s>>"
        % (b"600 " * 95, differences, told)
    )
    objects = [
        stream(pymupdf.Font("helv").buffer, b"/Subtype/Type1C"),
        descriptor,
        font,
        stream(_to_unicode(to_unicode or {})),
    ]
    content = text_content(prose()) + b" BT /F2 11 Tf 60 100 Td " + shown + b" ET"
    page = Page(content, entries=b"/Resources<</Font<</F1 3 0 R/F2 6 0 R>>>>")
    return pdf([page], objects=objects)


def _to_unicode(table: dict[int, str]) -> bytes:
    rows = b"".join(b"<%02x> <%04x>\n" % (code, ord(char)) for code, char in table.items())
    return (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def "
        b"/CMapType 2 def 1 begincodespacerange <00> <ff> endcodespacerange %d beginbfchar\n%s"
        b"endbfchar endcmap end end" % (len(table), rows)
    )
