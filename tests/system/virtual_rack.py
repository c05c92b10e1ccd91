"""A device on a virtual board whose outputs are visible to other processes."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

from oscilab.cli.main import main
from oscilab.errors import OscilabError
from oscilab.traces.run import open_run

PATIENCE_S = 240.0
"""Timeout for events without a deadline."""
BENCH = """\
schema = 1
[devices.rack]
array = "wired"
front_end = "virtual"
topology = {{ kind = "all-to-all", rows = 1, columns = 2 }}
terms = ["bias", "stiffness", "cubic", "quartic", "coupling", "square_linear", "square_square"]
wiring = {{ in_order = true }}
[devices.rack.connection]
levels_file = {levels!r}
pace = {pace}
events = {events}
[devices.rack.settings]
faults = {faults}
[devices.rack.limits]
outputs = {{ range = [-10.0, 10.0], slew = {slew}, safe = 0.5 }}
clamp_enable = {{ safe = true }}
[devices.rack.interlocks]
door = {{ channel = "di0", level = 1 }}
"""
SIZES = ["--set", "samples=20", "--set", "checkpoint_every=1", "--slices", "4"]
OUTPUTS = 15


class Rack:
    """A device in a folder, with outputs that are visible to other processes."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self.capsys = capsys
        self.bench = ["--bench", str(folder / "bench.toml")]
        self.levels_file = folder / "levels.bin"
        self.run = folder / "run.h5"
        self.describe()

    def describe(self, pace=0.0, slew=1e7, events="[]", faults="[]"):
        text = BENCH.format(
            levels=str(self.levels_file), pace=pace, slew=slew, events=events, faults=faults
        )
        (self.folder / "bench.toml").write_text(text)

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "oscilab", *arguments, *self.bench],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def do(self, *arguments):
        """Run a command in this process, by the entry point of the command line."""
        self.capsys.readouterr()
        code = main([*arguments, *self.bench])
        out, err = self.capsys.readouterr()
        return code, out, err

    def train(self, *arguments):
        return (
            "train", "two-gaussians", "--device", "rack", "--out", str(self.run), *SIZES,
            "--steps", "3", "--batch", "40", *arguments,
        )  # fmt: skip

    @property
    def levels(self):
        return np.fromfile(self.levels_file, np.float64)

    @property
    def is_safe(self):
        return bool((self.levels == [0.5] * (OUTPUTS - 1) + [1.0]).all())

    @property
    def is_unpowered(self):
        """Return whether outputs are as after the last resort, without a ramp."""
        return not self.levels.any()

    def wait_until_driven(self):
        """Wait until a clamp is neither at its safe value nor at zero."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self.levels_file.exists() and self.run.exists():
                levels = self.levels
                if len(levels) == OUTPUTS and levels[3] not in (0.0, 0.5):
                    return
            time.sleep(0.01)
        raise AssertionError("the run never drove anything")

    def wait_until_safe(self):
        """Wait until the outputs are at their safe values; return the seconds."""
        began = time.monotonic()
        while not self.is_safe:
            assert time.monotonic() - began < PATIENCE_S, "the outputs never became safe"
            time.sleep(0.005)
        return time.monotonic() - began

    def wait_for_a_checkpoint(self):
        """Wait until the run has a checkpoint to resume from."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                with open_run(self.run) as run:
                    run.checkpoint()
                    return
            except (OscilabError, OSError):
                time.sleep(0.05)
        raise AssertionError("the run never made a checkpoint")


def only_sentence(err):
    lines = [line for line in err.splitlines() if line.startswith("oscilab: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]
