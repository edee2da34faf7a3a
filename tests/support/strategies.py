"""Hypothesis strategies for the pipeline's records."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from pipeline.config import (
    EngineConfig,
    FakeConfig,
    LadderConfig,
    OcrConfig,
    OutputConfig,
    RenderConfig,
)
from pipeline.errors import ErrorKind
from pipeline.types import (
    Attempt,
    Block,
    Failure,
    FinishReason,
    Generation,
    Line,
    Outcome,
    PageIds,
    PageRef,
    PageResult,
    Pixels,
    Recognition,
    Rung,
    ScoreParts,
    Source,
    Status,
    Timing,
)

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
floats = st.floats(0, 10_000, width=32)
counts = st.none() | st.integers(0, 2**31 - 1)
times = st.none() | st.floats(0, 1e9, allow_nan=False)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    """Boxes in pixels with x0 <= x1 and y0 <= y1."""
    xs = sorted([draw(floats), draw(floats)])
    ys = sorted([draw(floats), draw(floats)])
    return xs[0], ys[0], xs[1], ys[1]


def configs() -> st.SearchStrategy[OcrConfig]:
    """Job configs with values from all over."""
    return st.builds(
        OcrConfig,
        inputs=st.lists(texts.filter(bool), min_size=1, max_size=3).map(tuple),
        output=texts.filter(bool),
        pages=st.sampled_from(["", "1", "2-5,9-"]),
        password=texts,
        task=st.sampled_from(["markdown", "text", "locate"]),
        text_layer=st.sampled_from(["auto", "never", "always", "only"]),
        dry_run=st.booleans(),
        render=st.builds(RenderConfig, dpi=st.integers(36, 1200)),
        engine=st.builds(
            EngineConfig,
            kind=st.sampled_from(["auto", "onnx", "fake"]),
            fake=st.builds(FakeConfig, delay_ms=st.floats(0, 1e6)),
        ),
        ladder=st.builds(
            LadderConfig,
            enabled=st.booleans(),
            rungs=st.permutations(LadderConfig().rungs).map(lambda rungs: tuple(rungs[:3])),
        ),
        parquet=st.builds(OutputConfig, flush_s=st.floats(0.1, 1e6)),
    )


def refs() -> st.SearchStrategy[PageRef]:
    """Pages of documents."""
    number = st.integers(0, 2**31 - 1)
    return st.builds(PageRef, texts, texts, number, number, texts, floats, floats)


def generations() -> st.SearchStrategy[Generation]:
    """What of a generation is kept in a row."""
    return st.builds(
        Generation,
        text=st.just(""),
        lines=st.just(()),
        finish_reason=st.sampled_from(FinishReason),
        prompt_tokens=counts,
        image_tokens=counts,
        output_tokens=counts,
        queue_ms=times,
        prefill_ms=times,
        decode_ms=times,
    )


def attempts() -> st.SearchStrategy[Attempt]:
    """Tries to read a page."""
    return st.builds(
        Attempt,
        rung=st.sampled_from(Rung),
        outcome=st.sampled_from(Outcome),
        finish_reason=st.none() | st.sampled_from(FinishReason),
        repetition=st.none() | st.floats(0, 1, width=32),
        output_tokens=counts,
        ms=st.floats(0, 1e9),
        error=st.none() | texts,
    )


def recognitions() -> st.SearchStrategy[Recognition]:
    """Results of `recognise`."""
    score = st.none() | st.floats(0, 1, width=32)
    blocks = st.lists(st.builds(Block, texts, texts, st.none() | boxes(), score), max_size=3)
    line = st.builds(
        Line,
        texts,
        boxes(),
        st.floats(0, 1, width=32),
        skew_deg=st.sampled_from([0.0, 2.5, -7.25]),
    )
    lines = st.lists(line, max_size=3)
    return st.builds(
        Recognition,
        status=st.sampled_from(Status),
        text=texts,
        blocks=blocks.map(tuple),
        raw=st.none() | texts,
        generation=st.none() | generations(),
        failure=st.none() | st.builds(Failure, st.sampled_from(ErrorKind), texts),
        rung=st.none() | st.sampled_from(Rung),
        attempts=st.lists(attempts(), max_size=2).map(tuple),
        lines=lines.map(tuple),
    )


def score_parts() -> st.SearchStrategy[ScoreParts]:
    """What the score of a text is made of."""
    share = st.none() | st.floats(0, 1, width=32)
    return st.builds(ScoreParts, share, share, share, share, share, share)


def results() -> st.SearchStrategy[PageResult]:
    """Rows of the output."""
    return st.builds(
        PageResult,
        ids=st.builds(PageIds, texts, texts, texts),
        copied_from=st.none() | texts,
        ref=refs(),
        recognition=recognitions(),
        source=st.none() | st.sampled_from(Source),
        width_px=st.integers(0, 10_000),
        height_px=st.integers(0, 10_000),
        dpi=floats,
        warnings=st.lists(texts, max_size=2).map(tuple),
        text_layer_trust=st.none() | st.floats(0, 1, width=32),
        text_layer_doubts=st.lists(texts, max_size=2).map(tuple),
        turned_deg=st.sampled_from([0, 90, 180, 270]),
        text_score=st.none() | st.floats(0, 1, width=32),
        text_score_parts=st.none() | score_parts(),
        engine=texts,
        model=texts,
        timing=st.builds(Timing, times, times, times),
    )


sides = st.integers(1, 20_000)
"""Widths and heights in pixels, from lines to posters."""


@st.composite
def pictures(draw: st.DrawFn, max_side: int = 24) -> Pixels:
    """RGB pictures of any content, up to `max_side` px wide and high."""
    width, height = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    seed = draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
