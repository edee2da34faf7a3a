from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.plausibility import plausibility
from tests.support.script_texts import SENTENCES

ENGLISH = """The harbour office counts every vessel that enters, and the clerk writes her name, her
tonnage and the dues that she has paid into a ledger of three hundred pages. In the winter
of 1893 the ice closed the river for 41 days, so that 17 ships waited in the outer roads;
two of them, both laden with grain (3,500 t and 1,240 t), dragged their anchors on the
night of 4 February and went aground near the old lighthouse. No lives were lost. The
inquiry, which sat for nine weeks, found that the chains had been worn, and that nobody
had looked at them since the summer before."""
GERMAN = """Das Hafenamt zählt jedes Schiff, das einläuft, und der Schreiber trägt Namen, Tonnage
und die bezahlten Gebühren in ein Buch von dreihundert Seiten ein. Im Winter 1893 war der
Fluss 41 Tage lang zugefroren, sodass 17 Schiffe auf der Reede warteten; zwei davon rissen
sich in der Nacht zum 4. Februar los und liefen nahe dem alten Leuchtturm auf Grund. Die
Untersuchungskommission stellte fest, dass die Ankerketten abgenutzt waren und seit dem
Sommer niemand danach gesehen hatte."""
POLISH = """Urząd portowy liczy każdy statek, który wpływa do portu, a pisarz zapisuje jego nazwę,
pojemność i opłaty w księdze liczącej trzysta stron. Zimą 1893 roku rzeka była zamarznięta
przez 41 dni, więc 17 statków czekało na redzie; dwa z nich zerwały się w nocy na 4 lutego
z kotwic i osiadły na mieliźnie niedaleko starej latarni. Komisja, która obradowała
dziewięć tygodni, uznała, że łańcuchy były zużyte i że od lata nikt ich nie oglądał."""
RUSSIAN = """Портовая контора считает каждое судно, которое входит в гавань, и писарь вносит его
имя, вместимость и уплаченные сборы в книгу на триста страниц. Зимой 1893 года река была
закрыта льдом 41 день, и 17 судов ждали на внешнем рейде."""
JAPANESE = "港務所は入港する船をすべて数え、船名とトン数を記入する。1893年の冬、川は凍った。"
TABLE = """Pos\tArticle\tPieces\tPrice
1\tBolt M8x40\t250\t12.50
2\tWasher A8\t1,000\t7.90
3\tNut DIN 934\t250\t9.15
Total\t\t1,500\t29.55"""
MARKDOWN = """# Results\n\n**The dues** were paid twice.\n
<table><tr><td>Ships</td><td>17</td></tr></table>\n
The sum is $\\frac{x_1}{n}$ and the ice lay for 41 days."""


@pytest.mark.parametrize("text", [ENGLISH, GERMAN, POLISH, RUSSIAN, JAPANESE, TABLE, MARKDOWN])
def test_usual_text_is_plausible(text: str) -> None:
    assert plausibility(text) >= 0.9


def test_an_empty_text_has_nothing_unusual() -> None:
    assert plausibility("") == plausibility(" \n") == plausibility("<br>") == 1.0


def misread(text: str, share: float) -> str:
    chance, table = random.Random(3), {"o": "0", "l": "1", "e": "c", "s": "5", "n": "ri", "i": "1"}
    return "".join(table.get(char, char) if chance.random() < share else char for char in text)


def permuted(text: str) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    shuffled = "".join(random.Random(4).sample(letters, 26))
    return text.translate(str.maketrans(letters + letters.upper(), shuffled + shuffled.upper()))


WORSE = {
    "digits for letters": misread(ENGLISH, 0.4),
    "letters permuted": permuted(ENGLISH),
    "half permuted": ENGLISH + permuted(ENGLISH),
    "spaces lost": ENGLISH.replace(" ", ""),
    "letters spaced": " ".join(ENGLISH.replace(" ", "")),
    "words joined": ENGLISH + " thechains andthe dueson wereworn theice theriver ofthem " * 3,
    "two scripts in one word": ENGLISH.replace("e", "е").replace("a", "а"),
    "a letter lost": 2 * ENGLISH.replace("e", ""),
    "broken characters": ENGLISH.replace("e", "\ufffd"),
    "another encoding": ENGLISH.translate(
        str.maketrans(dict(zip("etaoinsrhld", "êüìéëîÜáèØû", strict=True)))
    ),
    "signs": "}{~^ ]|= <>_ &%$ @!# *^% ~~ {}{ ||= ][ ^^ $$% #@ " * 9,
}


@pytest.mark.parametrize("kind", WORSE)
def test_what_wrong_font_tables_and_poor_recognition_do_is_seen(kind: str) -> None:
    assert plausibility(WORSE[kind]) < 0.8


def test_a_lost_small_letter_is_seen_where_its_capital_is_kept() -> None:
    capitals = " Reports Readings Rates" * 9
    lost = 2 * ENGLISH.replace("r", "") + capitals.replace("r", "")
    assert plausibility(2 * ENGLISH + capitals) > 0.9 > 0.8 > plausibility(lost)


def test_lost_ligatures_of_t_are_seen() -> None:
    text = f"{4 * ENGLISH} {4 * 'The committee notes the attention of its nation. '}"
    lost = text.replace("tt", "").replace("ti", "")
    assert plausibility(lost) < 0.9 < plausibility(text)
    few = ENGLISH.replace("ti", "").replace("tt", "")
    assert plausibility(few) > 0.9


def test_polish_has_no_ligatures_of_t_to_lose() -> None:
    """Adam Mickiewicz, Pan Tadeusz (1834)."""
    text = 12 * (
        "Litwo! Ojczyzno moja! ty jesteś jak zdrowie; ile cię trzeba cenić, ten tylko się dowie, "
        "kto cię stracił. Dziś piękność twą w całej ozdobie widzę i opisuję, bo tęsknię po tobie. "
        "Panno święta, co jasnej bronisz Częstochowy i w Ostrej świecisz Bramie! Ty, co gród "
        "zamkowy nowogródzki ochraniasz z jego wiernym ludem! "
    )
    assert text.count("t") > 150
    assert plausibility(text) > 0.9


@pytest.mark.parametrize("script", ["Arabic", "Hebrew"])
def test_spaced_letters_of_a_script_without_capitals_are_seen(script: str) -> None:
    text = SENTENCES[script]
    assert plausibility(" ".join(text.replace(" ", ""))) < 0.5 < 0.9 < plausibility(text)


def test_lost_ligatures_are_seen() -> None:
    text = 9 * (
        "The officers of the first fleet found five flags of fine felt. If the offer of the firm "
        "for four of them is refused, the chief of staff finds a fair figure. "
    )
    lost = text.replace("ff", "").replace("fi", "").replace("fl", "")
    assert plausibility(lost) < 0.9
    for kept in (
        text,
        text.replace("ff", "\ufb00").replace("fi", "\ufb01").replace("fl", "\ufb02"),
    ):
        assert plausibility(kept) > plausibility(lost)


def test_more_errors_are_less_plausible() -> None:
    found = [plausibility(misread(ENGLISH, share)) for share in (0, 0.1, 0.3, 0.6)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.5 < 0.9 < found[0]


@given(st.text())
def test_it_is_a_share_of_any_text(text: str) -> None:
    assert 0 <= plausibility(text) <= 1
