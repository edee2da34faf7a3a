from __future__ import annotations

import numpy as np
import pytest

from pipeline.engines.fake import HANDLERS, FakeEngine
from pipeline.errors import ConfigError, EngineError, ErrorKind, JobError
from pipeline.recognise import recognise
from pipeline.types import Failure, Generation, Line, Request, Status


def request_of(width_px: int = 40, height_px: int = 30, scale: int = 1) -> Request:
    image = np.full((height_px // scale, width_px // scale, 3), 255, np.uint8)
    return Request(image, width_px, height_px)


async def test_text_is_ok():
    result = await recognise(FakeEngine(HANDLERS["echo"]), request_of())
    assert result.status is Status.OK
    assert "40x30" in result.text
    assert [block.text for block in result.blocks] == [result.text]
    assert result.generation.output_tokens == len(result.text.split())


async def test_equal_pages_give_equal_text_and_other_pages_another():
    engine = FakeEngine(HANDLERS["echo"])
    white, again = [await recognise(engine, request_of()) for _ in range(2)]
    black = await recognise(engine, Request(np.zeros((30, 40, 3), np.uint8), 40, 30))
    assert white.text == again.text != black.text


@pytest.mark.parametrize("handler", ["truncates", "repeats"])
async def test_an_answer_that_is_cut_off_is_truncated(handler: str):
    result = await recognise(FakeEngine(HANDLERS[handler]), request_of())
    assert result.status is Status.TRUNCATED
    assert result.text
    assert result.raw == result.text


async def test_an_engine_that_fails_gives_a_result_that_says_so():
    result = await recognise(FakeEngine(HANDLERS["crashes"]), request_of())
    assert result.status is Status.FAILED
    assert result.failure.kind is ErrorKind.ENGINE
    assert "on purpose" in result.failure.message


async def test_nothing_read_is_blank():
    result = await recognise(FakeEngine(lambda request: Generation("  \n")), request_of())
    assert (result.status, result.text, result.blocks) == (Status.BLANK, "", ())


async def test_lines_become_blocks_in_pixels_of_the_page():
    line = Line("hello", (1.0, 1.0, 10.0, 4.0), 0.9)
    engine = FakeEngine(lambda request: Generation(lines=(line,)))
    result = await recognise(engine, request_of(scale=2))
    assert result.text == "hello"
    assert result.blocks[0].box == (2.0, 2.0, 20.0, 8.0)


async def test_a_fault_of_ours_costs_the_page():
    def broken(request: Request) -> Generation:
        raise ZeroDivisionError

    result = await recognise(FakeEngine(broken), request_of())
    assert result.failure == Failure(ErrorKind.INTERNAL, "ZeroDivisionError()")


@pytest.mark.parametrize("error", [ConfigError, JobError])
async def test_what_no_page_is_to_blame_for_goes_on_up(error: type[Exception]):
    def broken(request: Request) -> Generation:
        raise error("stop")

    with pytest.raises(error):
        await recognise(FakeEngine(broken), request_of())


async def test_the_crashing_handler_raises_what_the_protocol_says():
    with pytest.raises(EngineError):
        await FakeEngine(HANDLERS["crashes"]).generate(request_of())
