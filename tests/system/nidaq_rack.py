"""A device of two NI boards whose virtual NI-DAQmx can be killed, stopped and restarted."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import numpy as np
import pytest

from oscilab.bench import device_named
from oscilab.errors import OscilabError
from oscilab.traces.run import open_run
from oscilab_sim.nidaq.twin import NidaqTwin

BENCH = """\
schema = 1
[devices.rack]
array = "wired"
front_end = "nidaq"
topology = {{ kind = "all-to-all", rows = 1, columns = 2 }}
terms = ["bias", "stiffness", "cubic", "quartic", "coupling", "square_linear", "square_square"]
wiring = {wiring}
[devices.rack.settings]
start = "assume-safe"
rate_hz = 2e4
[devices.rack.connection]
digital_out = ["Dev2/port0/line0"]
digital_in = ["Dev2/port0/line1"]
timeout_s = 3.0
deadline_s = 3.0
{connection}
[devices.rack.connection.boards]
Dev1 = {{ product = "PXIe-6738", watchdog = true }}
Dev2 = {{ product = "PXIe-6358", watchdog = true }}
[devices.rack.limits]
outputs = {{ range = [-10.0, 10.0], slew = 1e7, safe = 0.5 }}
clamp_enable = {{ safe = true }}
[devices.rack.interlocks]
door = {{ channel = "Dev2/port0/line1", level = 1 }}
[devices.rack.twin]
levels_file = {levels!r}
missing_boards = {missing}
"""
OUTPUTS = {"Dev1": 32, "Dev2": 4}
WIRED = [*range(14), sum(OUTPUTS.values())]
SIZES = ["--set", "samples=20", "--set", "checkpoint_every=1", "--slices", "4"]
LONGEST_S = 3.0 + 3.0
"""Timeout of a call, plus the deadline added to it."""
MARGIN_S = 20.0
"""Margin for cleaning up with a silent server on a busy machine."""
posix = pytest.mark.skipif(sys.platform == "win32", reason="the server is stopped by signals")


class Rack:
    """A device whose virtual NI-DAQmx is a process that can be killed and restarted."""

    def __init__(self, folder):
        self.folder = folder
        self.levels_file = folder / "levels.bin"
        self.run = folder / "run.h5"
        self.address = None
        self.server = None
        self.started = []
        self.describe()

    def describe(self, connection="", wiring="{ in_order = true }", missing=()):
        if self.address:
            connection = f'server = "{self.address}"\n{connection}'
        text = BENCH.format(
            connection=connection, wiring=wiring, levels=str(self.levels_file),
            missing=list(missing),
        )  # fmt: skip
        (self.folder / "bench.toml").write_text(text)

    def serve(self, **bench):
        """Start the server, at its earlier address if it had one."""
        self.describe(**bench)
        self.server = self.start("serve", "rack", "--endpoint", self.address or "127.0.0.1:0")
        said = ""
        for line in self.server.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        self.address = re.search(r'server = "(.*)"', said)[1]
        self.describe(**bench)

    def serve_here(self):
        """Start the server in this process, where a test has access to its chassis."""
        self.describe()
        bench = self.folder / "bench.toml"
        twin = NidaqTwin.start(device_named("rack", str(bench)), None)
        self.address = twin.server.address
        self.describe()
        return twin.server

    def start(self, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "oscilab", *arguments],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def do(self, *arguments):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def resume(self):
        return self.do("train", "--resume", str(self.run), "--device", "rack")

    def train(self, *arguments):
        return (
            "train", "two-gaussians", "--device", "rack", "--out", str(self.run), *SIZES,
            "--steps", "2", "--batch", "40", *arguments,
        )  # fmt: skip

    @property
    def levels(self):
        return np.fromfile(self.levels_file, np.float64)[WIRED]

    @property
    def is_safe(self):
        return bool((self.levels == [0.5] * 14 + [1.0]).all())

    def wait_until(self, true, what):
        deadline = time.monotonic() + 60
        while not true():
            assert time.monotonic() < deadline, what
            time.sleep(0.02)

    def wait_for_a_checkpoint(self):
        def there():
            try:
                with open_run(self.run) as run:
                    run.checkpoint()
                    return True
            except (OscilabError, OSError):
                return False

        self.wait_until(there, "the run never made a checkpoint")

    def end(self):
        for process in self.started:
            process.kill()
            if not process.stdout.closed:
                process.communicate()


def only_sentence(err):
    lines = [line for line in err.splitlines() if line.startswith("oscilab: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]
