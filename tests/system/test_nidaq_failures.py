"""However NI-DAQmx fails a run: one sentence, safe outputs where they live, a run to resume."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from oscilab.errors import OscilabError
from oscilab.traces.run import open_run

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
"""A call's own timeout and the deadline beyond it."""
MARGIN_S = 20.0
"""For tidying up against a silent server, on a busy machine."""
posix = pytest.mark.skipif(sys.platform == "win32", reason="the server is stopped by signals")


class Rack:
    """A device whose virtual NI-DAQmx is a process that can be ended and started again."""

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
        """Start the server, at the address that it had before if it had one."""
        self.describe(**bench)
        self.server = self.start("serve", "rack", "--endpoint", self.address or "127.0.0.1:0")
        said = ""
        for line in self.server.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        self.address = re.search(r'server = "(.*)"', said)[1]
        self.describe(**bench)

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


@pytest.fixture
def rack(tmp_path):
    rack = Rack(tmp_path)
    yield rack
    rack.end()


def only_sentence(err):
    lines = [line for line in err.splitlines() if line.startswith("oscilab: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


@posix
@pytest.mark.slow
def test_a_server_that_is_killed(rack):
    """The board keeps its outputs, as under power; `safe` and resuming take it from there."""
    rack.serve()
    process = rack.start(*rack.train("--steps", "60"))
    rack.wait_for_a_checkpoint()
    rack.server.kill()
    rack.server.communicate()
    killed = time.monotonic()
    _, err = process.communicate(timeout=120)
    assert time.monotonic() - killed < LONGEST_S + MARGIN_S
    assert process.returncode == 4, err
    assert f"cannot reach its server {rack.address}" in only_sentence(err)
    with open_run(rack.run) as run:
        assert run.status == "failed"
    rack.serve()
    code, _, err = rack.do("safe", "rack")
    assert code == 0, err
    assert rack.is_safe
    code, _, err = rack.do("train", "--resume", str(rack.run), "--device", "rack")
    assert code == 0, err
    assert rack.is_safe


@posix
@pytest.mark.slow
def test_a_server_that_stops_answering(rack):
    """No call waits beyond its deadline, and the boards' watchdogs bring the outputs down."""
    rack.serve(connection="watchdog_s = 5.0")
    process = rack.start(*rack.train("--steps", "60"))
    rack.wait_for_a_checkpoint()
    rack.server.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    _, err = process.communicate(timeout=120)
    assert time.monotonic() - stopped < LONGEST_S + MARGIN_S
    assert process.returncode == 4, err
    assert f"the server {rack.address} of device rack did not answer within 3 s" in only_sentence(
        err
    )
    with open_run(rack.run) as run:
        assert run.status == "failed"
    rack.server.send_signal(signal.SIGCONT)
    rack.wait_until(lambda: rack.is_safe, "the watchdogs never tripped")
    # What the run had reserved stays reserved on a server that never heard it leave.
    rack.server.kill()
    rack.server.communicate()
    rack.serve()
    code, _, err = rack.do("safe", "rack")
    assert code == 0, err
    assert rack.is_safe


@pytest.mark.slow
def test_a_host_that_is_killed_is_noticed_by_the_watchdogs(rack):
    rack.serve(connection="watchdog_s = 5.0")
    process = rack.start(*rack.train("--steps", "60"))
    rack.wait_for_a_checkpoint()
    rack.wait_until(lambda: not rack.is_safe, "the run never drove anything")
    process.kill()
    process.communicate()
    rack.wait_until(lambda: rack.is_safe, "the watchdogs never tripped")


def test_a_board_that_is_missing(rack):
    rack.serve(missing=["Dev1"])
    code, _, err = rack.do(*rack.train())
    assert code == 4, err
    sentence = only_sentence(err)
    assert "needs the board Dev1 (PXIe-6738), which is not behind the server" in sentence
    assert "there are: Dev2" in sentence
    assert not rack.levels.any()


@pytest.mark.slow
def test_a_channel_that_is_wrong(rack):
    rack.serve()
    wiring = '{ "Dev1/ao0" = "bias[0]", "Dev1/ao99" = "bias[1]" }'
    rack.describe(wiring=wiring)
    code, _, err = rack.do(*rack.train())
    assert code == 2, err
    assert "no channel 'Dev1/ao99'" in only_sentence(err)
    assert not rack.levels.any()
    assert not rack.run.exists()


def test_a_server_that_is_not_there(rack):
    rack.address = "127.0.0.1:9"
    rack.describe()
    code, _, err = rack.do("read", "rack")
    assert code == 4, err
    assert "cannot reach its server 127.0.0.1:9" in only_sentence(err)


def test_a_local_driver_that_is_not_installed(rack):
    code, _, err = rack.do("read", "rack")
    assert code == 4, err
    assert "needs the NI-DAQmx driver, which is not installed" in only_sentence(err)
