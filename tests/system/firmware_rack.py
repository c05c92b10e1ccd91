"""A device with the firmware as a process, and the firmware's log."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from oscilab.bench import device_named
from oscilab.wired.device import wires_of
from oscilab_firmware.front_end import FirmwareFrontEnd
from oscilab_sim.firmware.process import COMPILERS, find_compiler
from oscilab_sim.firmware.twin import FirmwareTwin

BENCH = """\
schema = 1
[devices.rack]
array = "wired"
front_end = "firmware"
topology = {{ kind = "all-to-all", rows = 1, columns = 2 }}
terms = ["bias", "stiffness", "cubic", "quartic", "coupling", "square_linear", "square_square"]
wiring = {{ in_order = true }}
settings = {{ force_span = 4000.0 }}
[devices.rack.connection]
port = "{port}"
analog_outputs = 14
analog_inputs = 4
max_rate_hz = 1e4
heartbeat_timeout_s = {timeout}
reply_s = {reply}
silence_s = {silence}
reconnect_s = {reconnect}
[devices.rack.limits]
outputs = {{ range = [-10.0, 10.0], slew = {slew}, safe = 0.5 }}
clamp_enable = {{ safe = true }}
[devices.rack.interlocks]
door = {{ channel = "di0", level = 1 }}
[devices.rack.twin]
real_time = {real_time}
log = {log!r}
events = {events}
"""
OUTPUTS = 15
CLAMPS = (12, 13)
ZERO, STEP = -10.24, 312.5e-6
SAFE = np.array([round((0.5 - ZERO) / STEP)] * 14 + [1])
DONE, TRIPPED, AT_SAFE = 1, 4, 5
"""Numbers of events in the protocol."""

needs_compiler = pytest.mark.skipif(
    find_compiler() is None, reason=f"the firmware needs a C compiler ({', '.join(COMPILERS)})"
)


@dataclass(frozen=True)
class Written:
    """The firmware's log: `outputs` (seconds, output, code) and `events` (seconds, event).

    Seconds are those of `time.monotonic` on Linux.
    """

    outputs: list[tuple[float, int, int]]
    events: list[tuple[float, int]]

    def levels(self, until: float = np.inf) -> np.ndarray:
        """Return the codes of all outputs at a time."""
        codes = np.full(OUTPUTS, 32768)
        codes[-1] = 0
        for seconds, output, code in self.outputs:
            if seconds <= until:
                codes[output] = code
        return codes

    def first(self, event: int, after: float) -> float | None:
        """Return the time of an event's first occurrence after a time."""
        return next((at for at, what in self.events if what == event and at >= after), None)


class FirmwareRack:
    """The device `rack` in a folder; its firmware runs until `stop`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "firmware.log"
        self.run = folder / "run.h5"
        self.twin: FirmwareTwin | None = None
        self.settings = {
            "port": "COM99", "timeout": 30.0, "reply": 0.25, "silence": 20.0, "reconnect": 20.0,
            "slew": 1e6, "real_time": "false", "log": str(self.log), "events": "[]",
        }  # fmt: skip

    def start(self, **settings) -> None:
        """Start the firmware, and write a bench with its port."""
        self.describe(**settings)
        self.twin = FirmwareTwin.start(self.device, None)
        self.describe(port=self.twin.connection["port"])

    def describe(self, **settings) -> None:
        """Write the bench."""
        self.settings |= settings
        text = BENCH.format(**self.settings)
        (self.folder / "bench.toml").write_text(text, encoding="utf-8")

    def stop(self) -> None:
        """End the firmware; idempotent."""
        if self.twin is not None:
            self.twin.stop()

    @property
    def device(self):
        """Return the device of the bench."""
        return device_named("rack", str(self.folder / "bench.toml"))

    def front_end(self, **connection) -> FirmwareFrontEnd:
        """Return a front end to the device, not connected."""
        device = self.device
        table = {**device.table.connection, **connection}
        front_end = FirmwareFrontEnd.from_bench(table, device.name, device.where)
        wires = wires_of(device)
        front_end.guard(wires.limits, wires.interlocks)
        return front_end

    def command(self, *arguments) -> subprocess.Popen:
        """Start the command line in a process."""
        return subprocess.Popen(
            [sys.executable, "-m", "oscilab", *arguments, "--bench", "bench.toml"],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def train(self, *arguments) -> subprocess.Popen:
        """Start a long training run."""
        return self.command(
            "train", "two-gaussians", "--device", "rack", "--out", str(self.run), "--steps", "3",
            "--batch", "40", "--set", "samples=20", "--set", "checkpoint_every=1", "--slices", "4",
            *arguments,
        )  # fmt: skip

    def written(self) -> Written:
        """Return the log so far, without an incomplete last line."""
        outputs: list[tuple[float, int, int]] = []
        events: list[tuple[float, int]] = []
        text = self.log.read_text()
        for line in text[: text.rfind("\n") + 1].splitlines():
            what, wall_us, _, first, second = line.split()
            if what == "output":
                outputs.append((int(wall_us) * 1e-6, int(first), int(second)))
            else:
                events.append((int(wall_us) * 1e-6, int(first)))
        return Written(outputs, events)

    def wait(self, condition, what: str, seconds: float = 60.0):
        """Wait until `condition` of the log returns something, and return it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = condition(self.written())
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{what} did not happen within {seconds:g} s")

    def wait_until_driven(self) -> None:
        """Wait until a waveform moves the clamps."""

        def driven(written: Written) -> bool:
            moves = [code for _, output, code in written.outputs if output in CLAMPS]
            return len(moves) > 40

        self.wait(driven, "driving")


def is_safe(codes: np.ndarray) -> bool:
    """Return whether all outputs are at their safe values."""
    return bool((codes == SAFE).all())
