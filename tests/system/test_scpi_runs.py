"""Whole runs on a rack: trained over sockets, broken in the middle, resumed, talked to."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from racks import described, twin_of, write_bench

import oscilab
from oscilab.errors import DeviceFailed, InterlockTripped
from oscilab_sim.scpi.errors import ScpiError

SIGMAS = 5.0
SILENCE_S = 5.0
TINY = {"steps": 3, "batch": 6, "samples": 24, "slices": 2, "checkpoint_every": 1}


class Bench:
    """A twin in this process, and a bench file that leads to it."""

    def __init__(self, twin, device, folder):
        self.twin, self.device = twin, device
        self.path = str(folder / "bench.toml")
        self.run = folder / "run.h5"
        write_bench(folder / "bench.toml", device)

    def train(self, **settings):
        return oscilab.train(
            "two-gaussians", "rack", bench=self.path, overrides={**TINY, **settings}, out=self.run
        )

    def resume(self):
        return oscilab.train(device="rack", bench=self.path, resume=self.run)

    def levels(self):
        channels = self.twin.board.channels.outputs
        return {c.name: float(v) for c, v in zip(channels, self.twin.board.levels, strict=True)}

    def safe(self):
        """Where the outputs are at their safe values: clamps on, all else at 0.25 V."""
        return {name: 1.0 if name == "dac_24" else 0.25 for name in self.levels()}

    def spoil(self, name, which, how):
        """`how(message, handle)` answers the first message that `which` holds for, and later."""
        instrument = self.twin.instruments[name]
        handle = instrument.handle

        def spoilt(message):
            return how(message, handle) if which(message) else handle(message)

        instrument.handle = spoilt

    def mend(self, name):
        self.twin.instruments[name].__dict__.pop("handle", None)


@pytest.fixture
def bench(tmp_path):
    values = described(timeout_s=SILENCE_S)
    values["limits"]["outputs"]["safe"] = 0.25
    with twin_of(values) as (twin, device):
        yield Bench(twin, device, tmp_path)


def after(count):
    """Holds from the `count`-th message on that is no question."""
    seen = iter(range(10**9))
    return lambda message: b"VOLT" in message and next(seen) >= count


@pytest.mark.slow
def test_a_run_ends_at_the_safe_values(bench):
    result = bench.train()
    assert np.isfinite(result.samples).all()
    assert bench.levels() == bench.safe()
    with oscilab.open_run(result.path) as run:
        assert run.provenance.identity.kind == "scpi"
        assert "not hardware timed" in run.provenance.identity.details["timing"]
    for instrument in bench.twin.instruments.values():
        assert len(instrument.errors) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dac", "awg", "daq"])
def test_an_instrument_that_is_switched_off_in_the_middle(bench, name):
    """The sentence names it and its command; the others go to their safe values, or off."""
    seen = iter(range(10**9))
    last = []

    def off(message, handle):
        last.append(message)

    what = b"READ?" if name == "daq" else b"VOLT"
    bench.spoil(name, lambda message: last or (what in message and next(seen) >= 30), off)
    with pytest.raises(DeviceFailed, match=f"instrument {name} at .* did not answer to") as failure:
        bench.train()
    assert "check its power and its cable, then resume" in str(failure.value)
    levels, safe = bench.levels(), bench.safe()
    for line, level in levels.items():
        if not line.startswith(name):
            assert level in (safe[line], 0.0), line
    with oscilab.open_run(bench.run) as run:
        assert run.status == "failed"
        assert run.checkpoint()[0] >= 1
    bench.mend(name)
    result = bench.resume()
    assert np.isfinite(result.samples).all()
    assert bench.levels() == bench.safe()


@pytest.mark.slow
def test_a_socket_that_closes_in_the_middle(bench):
    daq = bench.twin.instruments["daq"]
    seen = iter(range(10**9))
    handle = daq.handle

    def close(message):
        if b"READ?" in message and next(seen) == 40:
            raise ConnectionError("the power cord was pulled")
        return handle(message)

    daq.handle = close
    with pytest.raises(DeviceFailed, match=r"instrument daq at .* 'READ\?'"):
        bench.train()
    assert bench.levels() == bench.safe()
    daq.handle = handle
    assert np.isfinite(bench.resume().samples).all()


@pytest.mark.slow
def test_an_error_in_the_queue_in_the_middle(bench):
    dac = bench.twin.instruments["dac"]
    begun = []

    def refuse(message, handle):
        if not begun:
            begun.append(message)
            dac.note(ScpiError(-222))
        return handle(message)

    bench.spoil("dac", after(50), refuse)
    with pytest.raises(DeviceFailed, match=r"instrument dac .* has error -222 'Data out of range'"):
        bench.train()
    assert bench.levels() == bench.safe()
    assert np.isfinite(bench.resume().samples).all()


@pytest.mark.slow
def test_a_wrong_identity_before_a_resumed_run(bench):
    bench.spoil("daq", after(10**8), None)
    bench.train()
    bench.twin.instruments["awg"].identity = "Agilent Technologies,33220A,MY1,1"
    writes = bench.twin.board.writes
    with pytest.raises(DeviceFailed, match=r"instrument awg .* not a 335 or 336"):
        oscilab.sample(bench.run, "rack", bench=bench.path, n=4, out=bench.run.with_name("b.h5"))
    assert bench.twin.board.writes == writes


@pytest.mark.slow
def test_an_interlock_of_the_rack(bench):
    door = bench.twin.board.outside["daq_301_0"]
    bench.twin.server.do(lambda: door.events.append((300.0, 0.0)))
    with pytest.raises(InterlockTripped, match="interlock door on daq_301_0 reads 0"):
        bench.train()
    assert bench.levels() == bench.safe()


@pytest.mark.slow
def test_training_over_sockets_is_what_the_simulation_does(tmp_path):
    """Equal points train almost equal protocols (the voltmeter writes nine digits), and samples
    agree in mean and second moment to 5 standard errors and 3 % for the rounding of slices to
    the rack's clock: four comparisons, false-alarm rate 2e-6."""
    small = {"steps": 4, "batch": 16, "samples": 100, "seed": 4, "slices": 6}
    values = described()
    values["settings"] = {"time_s": 200.0, "longest_s": 1e5}
    with twin_of(values) as (twin, device):
        bench = Bench(twin, device, tmp_path)
        volts = bench.train(**small)
    plain = oscilab.train(
        "two-gaussians", "sim", overrides={**TINY, **small, "samples": 4000},
        out=tmp_path / "sim.h5",
    )  # fmt: skip
    np.testing.assert_allclose(
        volts.protocol.parameters, plain.protocol.parameters, rtol=1e-5, atol=1e-6
    )
    for power in (1, 2):
        a, b = (np.asarray(run.samples, np.float64) ** power for run in (volts, plain))
        error = SIGMAS * np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b))
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < error + 0.03).all()


def command(folder, *arguments, text=None):
    return subprocess.run(
        [sys.executable, "-m", "oscilab", *arguments],
        cwd=folder, capture_output=True, text=True, input=text, timeout=240,
    )  # fmt: skip


@pytest.mark.slow
def test_the_example_trains_from_the_command_line(tmp_path):
    ended = command(
        tmp_path, "train", "two-gaussians", "--device", "rack0", "--simulate", "--steps", "2",
        "--batch", "8", "--slices", "3", "--set", "samples=24", "--out", "run.h5",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "not hardware timed: outputs settle within" in ended.stderr
    with oscilab.open_run(tmp_path / "run.h5") as run:
        assert run.provenance.simulated


@pytest.mark.slow
def test_the_8x8_example_reads_every_line(tmp_path):
    ended = command(tmp_path, "read", "rack8x8", "--simulate")
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == 1 + 467 + 128


def test_a_prompt_without_a_terminal_takes_lines(bench, tmp_path):
    typed = "*IDN?\nSOUR3:VOLT 1.5\n\nsour3:volt?;volt:slew?\nSOUR3:VOLT 11\n*OPC?\n"
    ended = command(tmp_path, "scpi", "rack", "dac", "--bench", bench.path, text=typed)
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.splitlines()
    assert said[0].startswith("dac: QDevil, QDAC-II")
    assert "limits and interlocks do not hold here" in said[1]
    assert said[3] == "1.5;inf"
    assert "has error -222 'Data out of range' after 'SOUR3:VOLT 11'" in said[4]
    assert said[5:] == ["1"]
    assert bench.levels()["dac_3"] == 1.5


@pytest.mark.slow
def test_commands_instead_of_a_prompt_and_their_refusals(bench, tmp_path):
    scpi = ("scpi", "rack", "--bench", bench.path)
    ended = command(tmp_path, *scpi[:2], "daq", *scpi[2:], "SYST:CTYP? 1", "MEAS:VOLT? (@101)")
    assert ended.returncode == 0, ended.stderr
    assert "DAQM900A" in ended.stdout.splitlines()[0]
    float(ended.stdout.splitlines()[1])
    ended = command(tmp_path, *scpi[:2], "dac", *scpi[2:], "NOSUCH 1")
    assert ended.returncode == 4
    ended = command(tmp_path, *scpi[:2], "dac", *scpi[2:], text="NOSUCH?\n*OPC?\n")
    assert "has error -113 'Undefined header' after 'NOSUCH?'" in ended.stdout
    assert ended.stdout.endswith("\n1\n")
    ended = command(tmp_path, *scpi)
    assert ended.returncode == 2
    assert "which instrument of device rack; it has: dac, awg, daq" in ended.stderr
    ended = command(tmp_path, "scpi", "virtual0", "dac")
    assert ended.returncode == 2
    assert "not scpi" in ended.stderr
