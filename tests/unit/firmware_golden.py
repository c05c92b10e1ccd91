"""The golden transcripts of the firmware's protocol, for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oscilab_firmware.playing import HELD

FOLDER = Path(__file__).parents[2] / "firmware_bridge" / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))


@dataclass(frozen=True)
class GoldenFrame:
    """One frame of a transcript: sender, name, bytes, and fields."""

    from_host: bool
    name: str
    data: bytes
    fields: dict[str, Any]


def golden_frames(name: str) -> list[GoldenFrame]:
    """Return the frames of one transcript, in order."""
    frames: list[GoldenFrame] = []
    for line in (FOLDER / f"{name}.txt").read_text(encoding="ascii").splitlines():
        if line[0] in "<>":
            way, kind, data, fields = line.split(" ", 3)
            frames.append(GoldenFrame(way == ">", kind, bytes.fromhex(data), json.loads(fields)))
    return frames


def played(data: bytes, lines: int):
    """Return levels `[line, sample]` and the samples read, as a device interprets records."""
    place, levels, read, now = 0, [], [], 0
    before = None
    while place < len(data):
        samples, wanted = np.frombuffer(data, "<u4", 2, place)
        place += 8
        if not samples & HELD:
            before = np.frombuffer(data, "<u2", lines, place)
            place += 2 * lines
        count = int(samples & ~np.uint32(HELD))
        assert wanted <= count
        levels += [before] * count
        now += count
        read += range(now - int(wanted), now)
    return np.array(levels).T, read
