"""Send a million frames between the front end and the firmware, over a line that damages some.

    python tests/benchmark_firmware_storm.py [FRAMES] [RATE]

By the firmware's log, every update must be executed once and in order, and nothing else. Every
reading of a waveform must be as over a good line.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "system"))

from bad_line import BadLine
from firmware_rack import CLAMPS, OUTPUTS, STEP, ZERO, FirmwareRack

from oscilab.wired.waveform import Waveform

UPDATES, TICKS, PAYLOAD = 500, 4000, 400
INPUTS = ["ai0", "ai1"]


def storm(frames: int, rate: float, folder: Path) -> str:
    """Send the frames, check them, and return a summary."""
    rack = FirmwareRack(folder)
    rack.start(slew=1e7, reply=0.02)
    line = BadLine(rack.twin.connection["port"], rate, 1)
    front_end = rack.front_end(port=line.port)
    front_end.connect()
    # Small frames, for a large number of them.
    object.__setattr__(front_end._session.hello, "max_payload", PAYLOAD)
    chance = np.random.default_rng(2)
    level = front_end.read_outputs()
    place, done, readings = 0, 0, 0
    began = time.monotonic()
    with rack.log.open("r") as log:
        while line.frames < frames:
            wanted = []
            for _ in range(UPDATES):
                moved = level.copy()
                moved[:3] = ZERO + chance.integers(800, 64700, 3) * STEP
                moved[OUTPUTS - 1] = 1.0
                front_end.set_outputs(moved)
                wanted += [(n, round_code(moved[n], n)) for n in np.flatnonzero(moved != level)]
                level = moved
            front_end._session.status()
            log.seek(place)
            lines = [words.split() for words in log.read().splitlines()]
            place = log.tell()
            found = [(int(words[3]), int(words[4])) for words in lines if words[0] == "output"]
            assert found == wanted, "a set-point was executed that nobody asked for, or lost"
            done += len(wanted)
            clamps = ZERO + chance.integers(3000, 62000, (2, TICKS)) * STEP
            waveform = Waveform(np.array(CLAMPS), clamps, np.ones(TICKS, np.int64))
            seen = front_end.exchange(waveform, 1e4, INPUTS, np.arange(TICKS)).volts[:, 0]
            # Clamps and position sensors differ only in gain.
            ratio = (seen * clamps).sum() / (clamps * clamps).sum()
            assert np.abs(seen - ratio * clamps).max() < 1e-3
            level = front_end.read_outputs()
            readings += seen.size
            front_end._session.status()
            log.seek(0, 2)
            place = log.tell()
    spent = time.monotonic() - began
    bad, repeated = front_end._session.status().bad_frames, front_end._session.commands.repeated
    front_end.close()
    line.close()
    rack.stop()
    return (
        f"{line.frames} frames in {spent:.0f} s, {sum(line.harmed.values())} of them spoilt "
        f"({line.harmed}); {bad} found bad by the firmware, {repeated} repeated by the host; "
        f"{done} levels set and {readings} readings taken, none wrong"
    )


def round_code(volts: float, output: int) -> int:
    """Return the code that the firmware must log."""
    return round(volts) if output == OUTPUTS - 1 else round((volts - ZERO) / STEP)


if __name__ == "__main__":
    count = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    share = float(sys.argv[2]) if len(sys.argv) > 2 else 0.02
    with tempfile.TemporaryDirectory() as scratch:
        print(storm(count, share, Path(scratch)))
