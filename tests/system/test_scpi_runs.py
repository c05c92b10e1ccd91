"""Whole runs on a rack: training over sockets, faults during a run, resuming."""

from __future__ import annotations

import numpy as np
import pytest
from racks import SILENCE_S, described, twin_of, write_bench

import oscilab
from oscilab.errors import DeviceFailed, InterlockTripped
from oscilab_sim.scpi.errors import ScpiError

SIGMAS = 5.0
TINY = {"steps": 3, "batch": 6, "samples": 24, "slices": 2, "checkpoint_every": 1}


class Bench:
    """A twin in this process, and a bench file for it."""

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
        """Return the safe levels: clamps on, all else at 0.25 V."""
        return {name: 1.0 if name == "dac_24" else 0.25 for name in self.levels()}

    def break_instrument(self, name, which, how):
        """Let `how(message, handle)` answer messages from the first that satisfies `which`."""
        instrument = self.twin.instruments[name]
        handle = instrument.handle

        def spoilt(message):
            return how(message, handle) if which(message) else handle(message)

        instrument.handle = spoilt

    def repair(self, name):
        self.twin.instruments[name].__dict__.pop("handle", None)


@pytest.fixture
def bench(tmp_path):
    values = described(timeout_s=SILENCE_S)
    values["limits"]["outputs"]["safe"] = 0.25
    with twin_of(values) as (twin, device):
        yield Bench(twin, device, tmp_path)


def after(count):
    """Return a condition that holds from the `count`-th command."""
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
    """The error names it and its command; the others go to their safe values, or off."""
    seen = iter(range(10**9))
    last = []

    def off(message, handle):
        last.append(message)

    what = b"READ?" if name == "daq" else b"VOLT"
    bench.break_instrument(
        name, lambda message: last or (what in message and next(seen) >= 30), off
    )
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
    bench.repair(name)
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

    bench.break_instrument("dac", after(50), refuse)
    with pytest.raises(DeviceFailed, match=r"instrument dac .* has error -222 'Data out of range'"):
        bench.train()
    assert bench.levels() == bench.safe()
    assert np.isfinite(bench.resume().samples).all()


@pytest.mark.slow
def test_a_wrong_identity_before_a_resumed_run(bench):
    bench.break_instrument("daq", after(10**8), None)
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
    """Equal points train almost equal protocols (the voltmeter has nine digits). Means and second
    moments of samples agree to 5 standard errors and 3 % for the rounding of slices to the rack's
    clock: four comparisons, false-alarm rate 2e-6.
    """
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
