"""`pipeline.text.placed_chars`: words from the places of their characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.placed_chars import (
    PlacedChar,
    in_order,
    lost_spaces,
    repeated,
    spread_spaces,
    with_accents,
)

SIZE = 10.0
WIDTH = 5.0


def line(text: str, gap: float = 0.0, x: float = 0.0) -> list[PlacedChar]:
    """The characters of a text; with a gap, added spaces between them, painted ones stay."""
    chars: list[PlacedChar] = []
    for char in text:
        if chars and gap and not (char.isspace() or chars[-1].text.isspace()):
            chars.append(PlacedChar(" ", x, x + gap, 0, SIZE, is_added=True))
            x += gap
        chars.append(PlacedChar(char, x, x + WIDTH, 0, SIZE))
        x += WIDTH
    return chars


def accented(text: str, accent: str, over: int) -> str:
    """A word whose accent is painted over one of its letters, just before it."""
    chars = line(text)
    letter = chars[over]
    chars.insert(over, letter._replace(text=accent, x0=letter.x0 + 1, x1=letter.x1 - 1))
    return "".join(each for _, each in with_accents(chars))


@pytest.mark.parametrize(
    ("text", "accent", "over", "expected"),
    [
        ("Lopez", "\u00b4", 1, "L\u00f3pez"),
        ("Urena", "\u02dc", 3, "Ure\u00f1a"),
        ("Bohmer", "\u00a8", 1, "B\u00f6hmer"),
        ("na\u0131ve", "\u00a8", 2, "na\u00efve"),
        ("Sediv", "\u02c7", 0, "\u0160ediv"),
        ("a", "`", 0, "\u00e0"),
    ],
)
def test_an_accent_goes_on_its_letter(text: str, accent: str, over: int, expected: str) -> None:
    assert accented(text, accent, over) == expected


def test_a_cedilla_follows_its_letter() -> None:
    chars = line("Franc")
    chars.append(chars[-1]._replace(text="\u00b8"))
    assert "".join(each for _, each in with_accents(chars)) == "Fran\u00e7"


@pytest.mark.parametrize("text", ["d\u00b4Azur", "`code`", "34\u02da C", "\u00a8 Writing"])
def test_an_accent_beside_letters_stays_a_character(text: str) -> None:
    assert "".join(each for _, each in with_accents(line(text))) == text


def test_an_accent_over_a_letter_without_such_a_form_stays() -> None:
    assert accented("\u03b8", "\u02c6", 0) == "\u02c6\u03b8"


@given(st.text(alphabet="abc \u00b4\u00a8`1,", max_size=20))
def test_no_letter_is_lost_by_accents(text: str) -> None:
    chars = line(text)
    assert [i for i, _ in with_accents(chars)] == list(range(len(chars)))


def unspread(chars: list[PlacedChar]) -> str:
    spaces = spread_spaces(chars)
    return "".join(char.text for i, char in enumerate(chars) if i not in spaces)


def test_spread_letters_are_words() -> None:
    assert unspread(line("Product Specification", gap=2.3)) == "Product Specification"


def test_spread_words_without_painted_spaces_are_told_by_their_gaps() -> None:
    first = line("Product", gap=2.3)
    end = first[-1].x1
    space = PlacedChar(" ", end, end + 7.8, 0, SIZE, is_added=True)
    second = line("Specification", gap=2.3, x=end + 7.8)
    assert unspread([*first, space, *second]) == "Product Specification"


def test_letters_of_a_table_are_not_a_word() -> None:
    months = line("JFMAMJJASOND", gap=6.0)
    assert unspread(months) == "J F M A M J J A S O N D"


def test_two_words_of_a_letter_are_not_joined() -> None:
    assert unspread(line("a b", gap=2.3)) == "a b"
    chars = line("ab", gap=2.3)
    assert unspread(chars) == "a b"


def test_letters_painted_from_the_last_to_the_first_are_read_from_the_left() -> None:
    chars = [*line("Delaware", x=0), *line("return", x=43)]
    (part,) = in_order(chars[::-1], max_gap_em=1.0)
    assert "".join(text for _, text in part) == "Delaware return"


def test_a_row_is_divided_where_it_is_wide() -> None:
    parts = in_order([*line("left"), *line("right", x=200)], max_gap_em=1.0)
    assert ["".join(text for _, text in part) for part in parts] == ["left", "right"]


@given(st.permutations(list(range(12))))
def test_the_order_of_painting_does_not_matter(order: list[int]) -> None:
    chars = line("twelve chars")
    (part,) = in_order([chars[i] for i in order], max_gap_em=1.0)
    assert "".join(text for _, text in part) == "twelve chars"


def test_the_longer_of_two_copies_stays() -> None:
    short, whole = line("have as m"), line("have as many committees")
    assert repeated([short, whole]) == [{0, 1, 2, 3, 5, 6, 8}, set()]


def test_a_letter_that_is_at_the_same_place_by_chance_stays() -> None:
    assert repeated([line("www.irs.gov"), line("    i      and more")]) == [set(), set()]


def test_a_copy_a_little_apart_is_left_out() -> None:
    word = line("bold")
    moved = [char._replace(x0=char.x0 + 0.5, x1=char.x1 + 0.5, y=0.5) for char in word]
    assert repeated([word, moved]) == [set(), {0, 1, 2, 3}]


def test_the_same_letters_at_other_places_stay() -> None:
    assert repeated([line("aaaa"), line("aaaa", x=100)]) == [set(), set()]


HANGUL = "\ub0ae\uc5d0\ub294 \ub530\uc0ac\ub85c\uc6b4 \uc778\uac04"
VIETNAMESE = "th\u1ebf v\u1ec1 \u1edf"
FORMULA = "\U0001d70e level"


def apart(words: list[str], gap: float, spread: float = 0.0) -> list[PlacedChar]:
    """Words with white space and no character between them, their letters spread."""
    chars: list[PlacedChar] = []
    x = 0.0
    for word in words:
        for char in word:
            chars.append(PlacedChar(char, x, x + WIDTH, 0, SIZE))
            x += WIDTH + spread
        x += gap
    return chars


def spaced(chars: list[PlacedChar]) -> str:
    lost = lost_spaces(chars)
    return "".join(" " * (i in lost) + char.text for i, char in enumerate(chars))


@pytest.mark.parametrize("spread", [0.0, 1.8])
@pytest.mark.parametrize("text", [HANGUL, VIETNAMESE, FORMULA])
def test_words_are_divided_after_letters_where_mupdf_adds_no_space(
    text: str, spread: float
) -> None:
    assert spaced(apart(text.split(), 2.3, spread)) == text


def test_spread_letters_are_not_divided() -> None:
    assert not lost_spaces(apart([HANGUL.replace(" ", "")], 0.0, spread=4.0))


def test_chinese_is_not_divided() -> None:
    assert not lost_spaces(apart(["\u6d77\u6e2f", "\u8d26\u518c"], 2.3))


def test_a_vowel_that_is_painted_in_front_of_its_letter_divides_no_word() -> None:
    letters = [
        ("\u0915", 0.0),
        ("\u0940", 5.0),
        ("\u0930", 10.0),
        ("\u093f", 2.0),
        ("\u0928", 15.0),
    ]
    assert not lost_spaces([PlacedChar(char, x, x + WIDTH, 0, SIZE) for char, x in letters])


def test_a_painted_space_is_not_doubled() -> None:
    assert not lost_spaces(line(HANGUL))
