from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.config import LadderConfig, RenderConfig, RouteConfig
from pipeline.documents.pdf.document import PdfFile
from pipeline.recognition import quality
from pipeline.recognition.quality import ink_ppm, is_blank, repetition
from pipeline.types import Pixels
from tests.support import sample_documents
from tests.support.job_process import ROOT
from tests.support.strategies import pictures

LIMITS = LadderConfig()
LOOP = LIMITS.max_repetition


# --- loops


def words(count: int, seed: int = 0) -> list[str]:
    """Words of which none comes twice."""
    rng = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    made = ["".join(rng.choices(letters, k=6)) + letters[i % 26] for i in range(count)]
    return list(dict.fromkeys(made))


def around(period: int) -> int:
    """Rounds after which a loop must show."""
    return 5 + math.ceil(400 / period)


@given(st.integers(1, 700), st.integers(0, 2**16), st.text(max_size=300))
@settings(max_examples=30)
@example(61, 0, "")
@example(62, 0, "")
@example(700, 0, "")
def test_a_loop_of_any_period_shows_after_any_text(period: int, seed: int, prefix: str):
    unit = " ".join(words(period, seed)) + ". "
    assert repetition(f"{prefix}\n{unit * around(period)}") > 0.98


@given(st.text(min_size=1, max_size=6).filter(str.strip))
@settings(max_examples=20)
@example(".")
@example(". ")
@example("_")
@example("7")
@example("東京")
@example("| ")
@example("<td></td>")
@example("¹")
@example("٣")
def test_a_loop_of_any_characters_shows(unit: str):
    assert repetition(unit * 6600) > LOOP


def test_white_space_without_end_shows():
    assert repetition("end" + "\n" * 8000) == 1.0


@given(st.integers(0, 999), st.integers(1, 9), st.sampled_from(["{}. x y", "<td>{}</td><td></td>"]))
def test_a_counter_in_each_round_hides_no_loop(start: int, step: int, line: str):
    lines = [line.format(start + step * number) for number in range(300)]
    assert repetition("\n".join(lines)) > 0.9


def test_two_counters_in_a_round_hide_no_loop():
    lines = [f"Figure 3.{n}: the same, page {2 * n + 7} of 900" for n in range(120)]
    assert repetition("\n".join(lines)) > 0.9


@pytest.mark.parametrize("every", [15, 20, 30])
def test_a_loop_that_stumbles_now_and_then_shows(every: int):
    rng = random.Random(every)
    unit, text = words(50), list[str]()
    while len(text) < 1500:
        text += unit
    for place in range(every, len(text), every):
        text[place] = rng.choice(["the", "and", "x of"])
    assert repetition(" ".join(text)) > LOOP


@given(
    st.lists(st.text(alphabet="ab1 .,|", max_size=12), max_size=30),
    st.text(alphabet="xy7 .<td>", min_size=1, max_size=40),
    st.integers(0, 40),
)
def test_more_rounds_never_make_it_less(before: list[str], line: str, rounds: int):
    text = "\n".join(before) + "\n" + f"{line}\n" * rounds
    assert repetition(text) <= repetition(text + f"{line}\n") <= 1


@given(st.text(alphabet=st.characters()))
@example("")
@example("9" * 5000)
@example("1,." * 2000)
@example("\ud800")
def test_every_string_has_a_score(text: str):
    assert 0 <= repetition(text) <= 1


def test_the_time_grows_with_the_length_and_not_faster(monkeypatch: pytest.MonkeyPatch):
    """What is looked up is counted, for a clock would count the neighbours too."""
    looked_up = 0

    class Counting(dict):
        def __missing__(self, key: tuple[str, ...]) -> int:
            return 0

        def __getitem__(self, key: tuple[str, ...]) -> int:
            nonlocal looked_up
            looked_up += 1
            return super().__getitem__(key)

    monkeypatch.setattr(quality, "defaultdict", lambda kind: Counting())
    for size in (1000, 2000, 4000):
        looked_up = 0
        repetition("word . 7 " * size)
        assert looked_up <= 2 * 3 * size


# --- what is no loop

VOCABULARY = words(400, seed=5)


@st.composite
def number_tables(draw: st.DrawFn) -> str:
    columns, rng = draw(st.integers(1, 9)), random.Random(draw(st.integers(0, 2**32)))
    cell = draw(st.sampled_from([lambda: rng.randint(0, 9999), lambda: f"{rng.random() * 99:.2f}"]))
    rows = [[str(cell()) for _ in range(columns)] for _ in range(draw(st.integers(1, 60)))]
    left, between, right = draw(
        st.sampled_from([("", " ", ""), ("| ", " | ", " |"), ("<tr><td>", "</td><td>", "</td>")])
    )
    return "\n".join(left + between.join(row) + right for row in rows)


@st.composite
def contents(draw: st.DrawFn) -> str:
    """A table of contents with leaders."""
    rng, page = random.Random(draw(st.integers(0, 2**32))), 1
    lead = draw(st.sampled_from(["." * 60, " . " * 30, "." * 120, "_" * 40, " "]))
    lines = []
    for chapter in range(1, draw(st.integers(2, 60))):
        title = " ".join(rng.choices(VOCABULARY, k=rng.randint(1, 5)))
        page += rng.randint(0, 9)
        lines.append(f"{chapter}.{rng.randint(1, 3)} {title} {lead} {page}")
    return "\n".join(lines)


@st.composite
def forms(draw: st.DrawFn) -> str:
    rng = random.Random(draw(st.integers(0, 2**32)))
    entries = [
        f"Name: {rng.choice(VOCABULARY)} Date of birth: {rng.randint(1, 28)}.{rng.randint(1, 12)}."
        f"{rng.randint(1920, 2020)}\nAddress: {rng.choice(VOCABULARY)} {rng.randint(1, 99)}\n"
        f"Signature: ______________\n[ ] yes [x] no"
        for _ in range(draw(st.integers(1, 30)))
    ]
    return "\n".join(entries)


@given(number_tables() | contents() | forms())
def test_tables_contents_and_forms_are_no_loops(text: str):
    assert repetition(text) < LOOP - 0.1


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"])
def test_what_people_wrote_is_no_loop(name: str):
    assert repetition(Path(ROOT, name).read_text(encoding="utf-8")) < 0.3


def test_three_copies_of_a_form_are_no_loop():
    assert repetition((" ".join(VOCABULARY[:300]) + "\n") * 3) == 0


@given(pictures(), st.floats(0, 1_000_000))
def test_ink_is_a_share_of_the_area(picture: Pixels, most_ppm: float):
    assert 0 <= ink_ppm(picture) <= 1_000_000
    assert is_blank(picture, most_ppm) == (ink_ppm(picture) <= most_ppm)


@given(
    st.lists(st.tuples(st.integers(0, 63), st.integers(1, 40), st.integers(0, 255)), max_size=12),
    st.floats(0, 500_000),
)
def test_a_few_rows_never_say_that_a_blank_page_is_not(
    bands: list[tuple[int, int, int]], most_ppm: float
):
    page = np.full((64, 40, 3), 255, np.uint8)
    for row, width, level in bands:  # rows that are looked at first may have another paper
        page[row :: 8 if level % 2 else 64, :width] = level
    assert is_blank(page, most_ppm) == (ink_ppm(page) <= most_ppm)


@pytest.mark.parametrize("paper", [(255, 255, 255), (0, 0, 0), (250, 240, 200)])
def test_paper_of_any_colour_is_blank_and_its_noise_too(paper: tuple[int, int, int]):
    page = np.full((1650, 1275, 3), paper, np.int16)
    noise = np.random.default_rng(0).integers(-8, 9, page.shape)
    page = np.clip(page + noise, 0, 255).astype(np.uint8)
    assert is_blank(page, RouteConfig().blank_ppm)
    page[800:806, 600:605] = np.array(paper) ^ 0x80
    assert not is_blank(page, RouteConfig().blank_ppm)


def test_a_single_digit_is_ink(tmp_path: Path):
    pdf = sample_documents.pdf([sample_documents.Page(sample_documents.text_content(["7"], 8))])
    (tmp_path / "7.pdf").write_bytes(pdf)
    page = PdfFile(str(tmp_path / "7.pdf"), "", 10).render(1, RenderConfig(dpi=72))
    assert not is_blank(page.pixels, RouteConfig().blank_ppm)


def test_colour_of_the_papers_brightness_is_ink():
    page = np.full((100, 100, 3), 128, np.uint8)
    page[10:20, 10:20] = (188, 100, 118)
    assert ink_ppm(page) == 10_000


def test_nothing_has_no_ink():
    assert ink_ppm(np.empty((0, 7, 3), np.uint8)) == 0
