"""Watched runs, in this process or another, for tests of the live view."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

import oscilab
from oscilab.errors import OscilabError
from oscilab.live import Live
from oscilab.live.control import address_path, read_address

LONG_S = 60.0
SLEW = 40.0
OUTPUTS = 15
SAFE_V = 0.5
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
[devices.rack.limits]
outputs = {{ range = [-10.0, 10.0], slew = {slew}, safe = 0.5 }}
clamp_enable = {{ safe = true }}
[devices.rack.interlocks]
door = {{ channel = "di0", level = 1 }}
"""
SETTINGS = {"steps": 12, "batch": 40, "slices": 2, "samples": 20, "checkpoint_every": 1, "seed": 3}


def wait_for(condition, what="it", seconds=LONG_S, between=lambda: time.sleep(0.01)):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} never came"
        between()


def bench_file(folder: Path, pace: float, slew: float = SLEW) -> Path:
    path = folder / "bench.toml"
    levels = str(folder / "levels.bin")
    path.write_text(BENCH.format(levels=levels, pace=pace, slew=slew))
    return path


def levels_of(folder: Path):
    path = folder / "levels.bin"
    return np.fromfile(path, np.float64) if path.exists() else np.zeros(0)


def is_safe(folder: Path) -> bool:
    return levels_of(folder).tolist() == [SAFE_V] * (OUTPUTS - 1) + [1.0]


class RunInThread:
    """A training run in a thread of this process, whose state can be inspected."""

    def __init__(self, folder: Path, device="sim", bench=None, name="run.h5", **settings):
        self.path = folder / name
        self.live = Live()
        self.result = self.error = None
        self._given = {
            "device": device,
            "bench": bench,
            "overrides": {**SETTINGS, **settings},
            "out": self.path,
            "observer": self.live,
        }
        self.thread = threading.Thread(target=self._train, daemon=True)
        self.thread.start()

    def _train(self):
        try:
            self.result = oscilab.train("two-gaussians", **self._given)
        except (KeyboardInterrupt, OscilabError) as error:
            self.error = error

    def address(self):
        wait_for(lambda: address_path(self.path).exists(), "the address")
        return read_address(address_path(self.path))

    def join(self):
        self.thread.join(LONG_S)
        assert not self.thread.is_alive()


class RunInProcess:
    """`oscilab train` in a process."""

    def __init__(self, folder: Path, *arguments):
        self.path = folder / "run.h5"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "oscilab", "train", "two-gaussians", "--out", str(self.path),
             "--samples", "20", *arguments],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_for(
            lambda: address_path(self.path).exists() or self.process.poll() is not None,
            "the address",
        )
        assert self.process.poll() is None, self.process.communicate()[1]
        self.address = read_address(address_path(self.path))

    def end(self):
        """Wait for the process; return its exit code and stderr."""
        _, err = self.process.communicate(timeout=LONG_S)
        return self.process.returncode, err

    def kill(self):
        self.process.kill()
        self.process.communicate()
