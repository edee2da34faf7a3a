"""DeepSeek-OCR's prompts, for a task and back from a text that a caller wrote. Pure.

The model was trained with six prompts and understands no other. Sources: `model`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pipeline.engines.deepseek_ocr.model import IMAGE_TOKEN, OCR, OCR_2, ModelFamily
from pipeline.errors import ConfigError
from pipeline.types import Instruction, Task

_PLAIN_TEXT = f"{IMAGE_TOKEN}\nFree OCR."
_MARKDOWN = f"{IMAGE_TOKEN}\n<|grounding|>Convert the document to markdown."
_PROMPTS_2: Final = {Task.MARKDOWN: _MARKDOWN, Task.TEXT: _PLAIN_TEXT}
_PROMPTS: Final = {
    **_PROMPTS_2,
    Task.FIGURE: f"{IMAGE_TOKEN}\nParse the figure.",
    Task.DESCRIBE: f"{IMAGE_TOKEN}\nDescribe this image in detail.",
    Task.LOCATE: f"{IMAGE_TOKEN}\nLocate <|ref|>{{find}}<|/ref|> in the image.",
}
PROMPTS: Final[Mapping[str, Mapping[Task, str]]] = {OCR.name: _PROMPTS, OCR_2.name: _PROMPTS_2}
"""The prompt of each task that a family was trained for, by the family's name."""

_GROUNDED_TEXT: Final = f"{IMAGE_TOKEN}\n<|grounding|>OCR this image."
"""Lines of text with their boxes (repository). It is the prompt of no task."""
_OTHER_PROMPTS: Final[Mapping[str, tuple[str, ...]]] = {OCR.name: (_GROUNDED_TEXT,), OCR_2.name: ()}
"""Prompts that a family was trained for and that are of no task."""

_MAX_PHRASE_CHARS: Final = 500
"""Longest phrase that a request may look for: the prompt has to leave room for the answer."""

GROUNDING: Final = "<|grounding|>"
"""Asks for regions with labels and boxes."""

_MARKUP: Final = re.compile(r"<\|[^|]*\|>|<\uff5c[^\uff5c]*\uff5c>|<image>", re.IGNORECASE)


def task_prompt(task: Task, family: ModelFamily, find: str = "") -> str:
    """The prompt of a task.

    Args:
        task: What is asked for.
        family: Which model is asked.
        find: What `locate` looks for.

    Raises:
        ConfigError: The model has no such prompt, or `find` is empty or holds markup.
    """
    template = PROMPTS[family.name].get(task)
    if template is None:
        known = ", ".join(PROMPTS[family.name])
        raise ConfigError(f"{family.name} has no prompt for the task {task}; choose from: {known}")
    if task is not Task.LOCATE:
        return template
    if not find.strip() or has_markup(find):
        raise ConfigError(f"the task locate needs a plain phrase in engine.vllm.find: {find!r}")
    return template.format(find=find.strip())


def prompt_for(instruction: Instruction, family: ModelFamily, find: str = "") -> str:
    """The prompt for an instruction.

    Args:
        instruction: What is asked for.
        family: Which model is asked.
        find: What `locate` looks for where the instruction does not say.

    Raises:
        ConfigError: The model has no such prompt, `locate` has no plain phrase to look for, or a
            caller's own words hold markup.
    """
    if instruction.verbatim:
        return _verbatim_prompt(instruction.verbatim)
    if instruction.prompt is None:
        return task_prompt(instruction.task, family, instruction.find or find)
    if instruction.prompt not in _OTHER_PROMPTS[family.name]:
        raise ConfigError(f"{family.name} has no prompt {instruction.prompt!r}")
    return instruction.prompt


def _verbatim_prompt(text: str) -> str:
    """A caller's own words as a prompt, behind the placeholder of the image.

    Raises:
        ConfigError: They hold other markup than the placeholder and the call for boxes in front.
    """
    words = text.strip().removeprefix(IMAGE_TOKEN).strip()
    if has_markup(words.removeprefix(GROUNDING)):
        raise ConfigError(
            f"a prompt of your own may start with {IMAGE_TOKEN} and {GROUNDING}, and hold no other"
            " special token of the model"
        )
    return f"{IMAGE_TOKEN}\n{words}"


def asks_for_boxes(prompt: str) -> bool:
    """Whether a prompt asks for regions with labels and boxes."""
    return GROUNDING in prompt


def parse_prompt(text: str) -> Instruction | None:
    """The instruction that one of the model's own prompts stands for; None for any other text.

    White space may differ, and the image placeholder may be missing.
    """
    words = _flat(text)
    return _INSTRUCTIONS.get(words) or _parse_locate(words)


def _parse_locate(words: str) -> Instruction | None:
    before, _, after = _flat(_PROMPTS[Task.LOCATE]).partition("{find}")
    if not (words.startswith(before) and words.endswith(after)):
        return None
    find = words[len(before) : -len(after)].strip()
    is_plain = 0 < len(find) <= _MAX_PHRASE_CHARS and not has_markup(find)
    return Instruction(Task.LOCATE, find=find) if is_plain else None


def _flat(text: str) -> str:
    """A prompt on one line, without the placeholder in front."""
    return " ".join(text.split()).removeprefix(IMAGE_TOKEN).lstrip()


_INSTRUCTIONS: Final = {
    **{_flat(_PROMPTS[task]): Instruction(task) for task in _PROMPTS if task is not Task.LOCATE},
    _flat(_GROUNDED_TEXT): Instruction(Task.TEXT, prompt=_GROUNDED_TEXT),
}


def has_markup(text: str) -> bool:
    """Whether a text holds special tokens of the model, which no caller's text may."""
    return bool(_MARKUP.search(text))
