"""Maps the prompt of a request to a task, or decides what becomes of it. English only. Pure.

DeepSeek-OCR was trained with six prompts. So a sentence that asks for one of them in other words is
mapped to its task; what becomes of all others is set by `prompts.unknown`. A sentence
belongs to a task if it has one of the task's cue words, and otherwise only words that are allowed
beside them: "extract the text" is `text`, "extract the text and translate it" is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.config import Recipe
from pipeline.engines.deepseek_ocr import prompts
from pipeline.engines.recipe import tasks as known_tasks
from pipeline.engines.registry import SPECS
from pipeline.types import Instruction, Task
from serving.config import PromptConfig
from serving.errors import ApiError

_MAX_CHARS = 500
"""A longer prompt is refused: it asks for more than a task."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PLACES = "image picture photo photograph scan document page pdf file screenshot"
_FILLING = _words(
    f"{_PLACES} images pictures photos scans documents doc docs pages pdfs files scanned"
    " invoice receipt letter form book article paper report slide contract certificate card note"
    " notes sheet newspaper label"
    " a an the this that these those all any every each of from in on at into to as and with for"
    " by me my us it its is are be i i'd you your please kindly can could would will want need"
    " like give get return output provide produce show print write make just only entire whole"
    " complete full everything exactly verbatim found visible contained attached following given"
    " here do using use"
)
"""Words that do not change the task. Negations and exclusions are not among them."""

_DRAWINGS = _words("figure figures chart charts diagram diagrams graph graphs plot plots")
_CHANGING = _words("convert conversion turn transform extract read parse")
_WRITING = _words("text texts content contents words lines")
_RULES = (
    (
        Task.DESCRIBE,
        _words("describe description caption depict depicts depicted what what's"),
        _DRAWINGS | _words("detail details detailed scene content contents see shows shown does")
        | _words("happening going generate"),
    ),
    (
        Task.FIGURE,
        _DRAWINGS,
        _CHANGING | _words("analyse analyze interpret data values numbers table"),
    ),
    (
        Task.MARKDOWN,
        _words("markdown md layout structure structured formatting table tables parse"),
        _CHANGING | _WRITING | _DRAWINGS
        | _words("transcribe ocr perform run keep keeping preserve preserving retain retaining")
        | _words("maintain maintaining include including original format html latex equations")
        | _words("formulas lists headings captions reading order natural"),
    ),
    (
        Task.TEXT,
        _words("text texts content contents ocr transcribe transcription transcript read extract")
        | _words("say says written recognise recognize recognition"),
        _CHANGING | _WRITING
        | _words("what what's does free plain raw format perform run apply out handwritten")
        | _words("handwriting printed reading order natural"),
    ),
)  # fmt: skip
"""Task, cue words (at least one must occur), other words that may occur."""

_WORD = re.compile(r"\w+(?:'\w+)?")
_EDGES = " .,;:!?'`"
_QUOTES = str.maketrans("", "", '"\u2018\u201c\u201d\u201e\u00ab\u00bb')
_LOCATE = re.compile(
    r"(?:(?:please|kindly|can you|could you|would you),? ){0,2}"
    r"(?:locate|find|where(?:'s| is| are)):? (.+)",
    re.IGNORECASE,
)
_PLACE = rf"(?:in|on|from|within) (?:the |this |that |my )?(?:{_PLACES.replace(' ', '|')})"
_TAIL = re.compile(rf",? (?:please|{_PLACE})$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AskedPrompt:
    """What is made of a request's prompt.

    Attributes:
        instruction: What the model is asked for.
        is_unknown: Whether the prompt is no task.
    """

    instruction: Instruction
    is_unknown: bool = False

    @property
    def said(self) -> str:
        """The same for the caller: `task=NAME`, `unknown; task=NAME`, or `verbatim`."""
        if self.instruction.verbatim:
            return "verbatim"
        task = f"task={self.instruction.task}"
        return f"unknown; {task}" if self.is_unknown else task


def read_prompt(text: str, recipe: Recipe, config: PromptConfig, param: str) -> AskedPrompt:
    """What a prompt asks for; what is no task of the engine, by `prompts.unknown`.

    Args:
        text: The prompt.
        recipe: The engine, and the task where there is no prompt.
        config: What becomes of others.
        param: The field of the request that has the prompt.

    Raises:
        ApiError: 400: it is no task and is refused, or too long to be passed on.
    """
    default = Task(recipe.task)
    instruction = parse_prompt(text, default)
    if instruction and instruction.task in known_tasks(recipe):
        return AskedPrompt(instruction)
    way = config.unknown
    if way == "auto":
        way = "pass" if SPECS[recipe.engine].takes_prompts else "markdown"
    if way == "markdown":
        return AskedPrompt(Instruction(default), is_unknown=True)
    if way == "pass" and len(text) <= config.max_chars:
        return AskedPrompt(_verbatim(text), is_unknown=True)
    if way == "pass":
        message = f"a prompt that is no task may have {config.max_chars} characters"
    else:
        message = (
            "the OCR model does not take free text. Send no text, 'Convert to Markdown', "
            "'Extract all text', or one of its own prompts; its tasks are: "
            + ", ".join(known_tasks(recipe))
        )
    raise ApiError(400, "unknown_task", message, param=param)


def _verbatim(text: str) -> Instruction:
    """A prompt that the model is given as it is.

    Its answer is read as Markdown with regions where the prompt asks for those, else as text.
    """
    task = Task.MARKDOWN if prompts.asks_for_boxes(text) else Task.TEXT
    return Instruction(task, verbatim=text)


def parse_prompt(text: str, default: Task) -> Instruction | None:
    """Find the task of a prompt.

    Args:
        text: One of the model's own prompts, a sentence in English, or nothing.
        default: The task where there is no text.

    Returns:
        The task, or None where the text asks for something else, or has markup of the model and
        is not one of its prompts.
    """
    if not text.strip():
        return Instruction(default)
    if native := prompts.parse_prompt(text):
        return native
    sentence = " ".join(text.split()).replace("\u2019", "'")
    if len(sentence) > _MAX_CHARS or prompts.has_markup(sentence):
        return None
    return _located(sentence) or _by_words(sentence)


def _located(sentence: str) -> Instruction | None:
    match = _LOCATE.match(sentence)
    if not match:
        return None
    phrase = match[1].translate(_QUOTES)
    for _ in range(2):  # "... in the image, please"
        phrase = _TAIL.sub("", " " + phrase.strip(_EDGES))
    phrase = phrase.strip(_EDGES)
    return Instruction(Task.LOCATE, find=phrase) if phrase else None


def _by_words(sentence: str) -> Instruction | None:
    words = set(_WORD.findall(sentence.casefold()))
    for task, cues, others in _RULES:
        if words & cues and words <= cues | others | _FILLING:
            return Instruction(task)
    return None
