"""What goes over the wire: a topic, a header in JSON, and arrays as they lie in memory.

FORMAT.md has the kinds of messages and what each carries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from oscilab.errors import InvalidInput

VERSION = 1
TOPIC = f"oscilab-live-{VERSION}/"
TYPES = ("<f4", "<f8", "<i4", "<i8")
"""The types that an array on the wire may have, as NumPy writes them."""
MOST_ARRAYS = 16
MOST_HEADER = 4 << 20
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Message:
    """One message; `number` counts those of a run, so that a viewer knows what it missed.

    `run` is the identity of the run's process, another one after a resume; `sent` is in seconds of
    UTC.
    """

    kind: str
    run: str
    number: int
    sent: float
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    arrays: Arrays = field(default_factory=dict[str, NDArray[Any]])


def pack(message: Message) -> list[bytes | memoryview]:
    """The frames of a message; its arrays are not copied, and of one of the types of `TYPES`."""
    listed: list[tuple[str, str, list[int]]] = []
    frames: list[bytes | memoryview] = []
    for name, values in message.arrays.items():
        array = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        listed.append((name, array.dtype.str, list(array.shape)))
        frames.append(array.data.cast("B") if array.size else b"")
    header = {
        "version": VERSION,
        "run": message.run,
        "number": message.number,
        "sent": message.sent,
        "body": message.body,
        "arrays": listed,
    }
    # What is not finite travels in arrays: it is no JSON.
    text = json.dumps(header, separators=(",", ":"), allow_nan=False)
    return [f"{TOPIC}{message.kind}".encode(), text.encode(), *frames]


def unpack(frames: Sequence[bytes]) -> Message:
    """The message that the frames carry.

    Raises:
        InvalidInput: they carry none, or one of another version.
    """
    try:
        return _unpacked(frames)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(
            f"a message of the live stream cannot be read ({error}); view the run with the version "
            "of oscilab that makes it"
        ) from error


def _unpacked(frames: Sequence[bytes]) -> Message:
    topic, text, *parts = frames
    kind = topic.decode()
    if not kind.startswith(TOPIC):
        raise ValueError(f"topic {kind[:40]!r} does not begin with {TOPIC}")
    if len(text) > MOST_HEADER:
        raise ValueError(f"its header has {len(text)} bytes, more than {MOST_HEADER}")
    header = cast(dict[str, Any], json.loads(text))
    listed = cast(list[tuple[str, str, list[int]]], header["arrays"])
    if len(listed) != len(parts) or len(parts) > MOST_ARRAYS:
        raise ValueError(f"it lists {len(listed)} arrays and carries {len(parts)}")
    arrays: dict[str, NDArray[Any]] = {}
    for (name, kind_of, shape), part in zip(listed, parts, strict=True):
        if kind_of not in TYPES:
            raise ValueError(f"array {name} is of type {kind_of!r}")
        arrays[str(name)] = np.frombuffer(part, kind_of).reshape(shape)
    return Message(
        kind=kind.removeprefix(TOPIC),
        run=str(header["run"]),
        number=int(header["number"]),
        sent=float(header["sent"]),
        body=dict(header["body"]),
        arrays=arrays,
    )
