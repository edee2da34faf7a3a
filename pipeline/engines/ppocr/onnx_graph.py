"""Takes the last Softmax out of an ONNX model, so that it gives logits. Pure.

A recogniser's softmax goes over thousands of classes at every step, and only the largest value of
the few steps that are characters is wanted. The package `onnx` could do this too, at 20 MB; here
are the few fields of its messages that are needed (https://github.com/onnx/onnx, onnx.proto).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_MODEL_GRAPH: Final = 7
_GRAPH_NODE, _GRAPH_OUTPUT = 1, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP_TYPE = 1, 2, 4
_VALUE_NAME: Final = 1

_VARINT, _FIXED_64, _DELIMITED, _FIXED_32 = 0, 1, 2, 5
_FIXED_SIZES: Final = {_FIXED_64: 8, _FIXED_32: 4}


def without_softmax(model: bytes) -> bytes:
    """A model without the Softmax that gives its only output.

    Args:
        model: An ONNX ModelProto.

    Returns:
        The same model; its output is what the Softmax had as input.

    Raises:
        ValueError: The model's output is not that of a Softmax, or the bytes are no model.
    """
    parts, graphs = [], 0
    for number, content, field in _fields(memoryview(model)):
        is_graph = number == _MODEL_GRAPH
        graphs += is_graph
        parts.append(_delimited(number, _graph_without_softmax(content)) if is_graph else field)
    if graphs != 1:
        raise ValueError("not an ONNX model")
    return b"".join(parts)


def _graph_without_softmax(graph: memoryview) -> bytes:
    fields = list(_fields(graph))
    outputs = [
        _text(content, _VALUE_NAME) for number, content, _ in fields if number == _GRAPH_OUTPUT
    ]
    softmax = next(
        (content for number, content, _ in fields if _gives(number, content, outputs)), None
    )
    if softmax is None:
        raise ValueError("the output of the model is not that of a Softmax")
    kept = [
        field
        for number, content, field in fields
        if number != _GRAPH_OUTPUT and content is not softmax
    ]
    name = _text(softmax, _NODE_INPUT).encode()
    return b"".join([*kept, _delimited(_GRAPH_OUTPUT, _delimited(_VALUE_NAME, name))])


def _gives(number: int, node: memoryview, outputs: list[str]) -> bool:
    """Whether a field of a graph is the Softmax of its only output."""
    return (
        number == _GRAPH_NODE
        and _text(node, _NODE_OP_TYPE) == "Softmax"
        and [_text(node, _NODE_OUTPUT)] == outputs
    )


def _text(message: memoryview, wanted: int) -> str:
    """The first value of a field of a message, "" where it has none."""
    found = (content for number, content, _ in _fields(message) if number == wanted)
    return bytes(next(found, b"")).decode()


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Number, content and encoded form of a message's fields. Content is of delimited ones alone.

    Raises:
        ValueError: The message is broken.
    """
    at = 0
    while at < len(message):
        start = at
        key, at = _varint(message, at)
        size = 0
        if key & 7 == _VARINT:
            _, at = _varint(message, at)
        elif key & 7 == _DELIMITED:
            size, at = _varint(message, at)
        elif key & 7 in _FIXED_SIZES:
            at += _FIXED_SIZES[key & 7]
        else:
            raise ValueError("not an ONNX model")
        if at + size > len(message):
            raise ValueError("not an ONNX model: it ends in the middle of a field")
        yield key >> 3, message[at : at + size], message[start : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("not an ONNX model: it ends in the middle of a number")


def _delimited(number: int, content: bytes) -> bytes:
    return _encoded(number << 3 | _DELIMITED) + _encoded(len(content)) + content


def _encoded(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
