"""However a run ends, its outputs end at their safe values, as read from the board."""

from __future__ import annotations

import signal
import sys
import time

import pytest
from virtual_rack import PATIENCE_S, Rack, only_sentence

from oscilab.traces.run import open_run

SLEW = 40.0
RAMP_S = 10.0 / SLEW
"""The longest ramp to a safe value, 10 V, at the slew limit."""
MARGIN_S = 20.0
"""Margin for a process on a busy machine to react and ramp."""
STOPPED = {
    signal.SIGINT: (130, "stopped by Ctrl-C"),
    signal.SIGTERM: (143, "stopped by SIGTERM"),
}


@pytest.fixture
def rack(tmp_path, capsys):
    return Rack(tmp_path, capsys)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals between processes")
@pytest.mark.parametrize(
    "numbers",
    [
        [signal.SIGINT],
        pytest.param([signal.SIGTERM, signal.SIGINT], marks=pytest.mark.slow),
        pytest.param([signal.SIGINT] * 3, marks=pytest.mark.slow),
        pytest.param([signal.SIGTERM], marks=pytest.mark.slow),
    ],
)
def test_signals_during_a_waveform(rack, numbers):
    """A further signal during the ramp does not cancel it, and the run can be resumed."""
    rack.describe(pace=0.1, slew=SLEW)
    process = rack.start(*rack.train("--steps", "12", "--slices", "2"))
    rack.wait_until_driven()
    rack.wait_for_a_checkpoint()
    assert not rack.is_safe
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.01)
    assert rack.wait_until_safe() < RAMP_S + MARGIN_S
    _, err = process.communicate(timeout=PATIENCE_S)
    # Python handles signals that arrive during one call by number, not in order. A signal during
    # interpreter shutdown ends the process with that signal's exit code.
    sentence = only_sentence(err)
    told = [number for number in numbers if STOPPED[number][1] in sentence]
    assert told, err
    assert process.returncode in (STOPPED[told[0]][0], -numbers[-1]), err
    assert rack.is_safe
    with open_run(rack.run) as run:
        assert run.status == "interrupted"
    rack.describe()
    code, _, err = rack.do("train", "--resume", str(rack.run), "--device", "rack")
    assert code == 0, err
    assert rack.is_safe


def test_a_normal_end(rack):
    process = rack.start(*rack.train())
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert rack.is_safe
    assert "go to their safe values first" in err
    assert "at most" in err


@pytest.mark.parametrize(
    "call", ["connect", "read_outputs", "set_outputs", "read_inputs", "exchange", "pause"]
)
@pytest.mark.parametrize("number", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_a_failure_in_any_call(rack, call, number):
    rack.describe(slew=2e4, faults=f"[{{ call = '{call}', number = {number}, kind = 'error' }}]")
    code, _, err = rack.do(*rack.train())
    if code == 0:
        # Some calls are made fewer times.
        assert (call, number) in {("connect", 4), ("read_outputs", 4)}
    else:
        assert code == 4, err
        assert "on purpose" in only_sentence(err)
    driven = call not in ("connect", "read_outputs", "read_inputs") or number > 1
    assert rack.is_safe or not driven or rack.is_unpowered


def test_readings_that_are_no_numbers(rack):
    rack.describe(faults="[{ call = 'exchange', number = 3, kind = 'nan' }]")
    code, _, err = rack.do(*rack.train())
    assert code in (4, 6), err
    only_sentence(err)
    assert rack.is_safe
    with open_run(rack.run) as run:
        assert run.status == "failed"
        assert "exchange" in run.provenance.faults


def test_an_interlock_that_trips_during_a_run(rack):
    rack.describe(events="[{ channel = 'di0', at_s = 0.001, volts = 0.0 }]")
    code, _, err = rack.do(*rack.train("--batch", "4000"))
    assert code == 6, err
    assert "interlock door on di0 reads 0" in only_sentence(err)
    assert rack.is_safe
    with open_run(rack.run) as run:
        assert run.status == "failed"


def test_an_interlock_that_stands_refuses_the_start(rack):
    rack.describe(events="[{ channel = 'di0', at_s = 0.0, volts = 0.0 }]")
    code, _, err = rack.do(*rack.train())
    assert code == 6, err
    assert not rack.levels.any()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot kill and keep the levels")
def test_after_a_killed_process_safe_brings_the_outputs_down(rack):
    rack.describe(pace=1.0, slew=SLEW)
    process = rack.start(*rack.train())
    rack.wait_until_driven()
    busy, _, err = rack.do("read", "rack")
    assert busy == 7
    assert f"driven by another process (number {process.pid})" in only_sentence(err)
    process.kill()
    process.communicate()
    assert not rack.is_safe
    code, out, err = rack.do("safe", "rack")
    assert code == 0, err
    assert "15 outputs are at their safe values" in out
    assert rack.is_safe


@pytest.mark.skipif(sys.platform == "win32", reason="there it ends the run without its sentence")
def test_safe_from_a_second_terminal_stops_a_run(rack):
    rack.describe(pace=1.0, slew=SLEW)
    process = rack.start(*rack.train())
    rack.wait_until_driven()
    code, _, err = rack.do("safe", "rack")
    assert code == 0, err
    assert rack.is_safe
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143
    assert "stopped by SIGTERM" in only_sentence(err)


def test_set_read_and_their_refusals(rack):
    code, out, err = rack.do("set", "rack", "ao3", "2.5")
    assert code == 0, err
    assert rack.levels[3] == 2.5
    code, out, _ = rack.do("read", "rack")
    assert code == 0
    row = next(line.split() for line in out.splitlines() if line.startswith("ao3 "))
    assert row[:3] == ["ao3", "stiffness[1]", "2.5"]
    code, _, err = rack.do("set", "rack", "ao3", "10.5")
    assert code == 5
    assert "output ao3 was to be put at 10.5 V, outside its limits -10 to 10 V" in err
    assert rack.levels[3] == 2.5
    code, _, err = rack.do("set", "rack", "ao3", "-1.5")
    assert code == 0, err
    assert rack.levels[3] == -1.5
    code, _, err = rack.do("set", "rack", "ao33", "1")
    assert code == 2
    code, _, err = rack.do("read", "sim")
    assert code == 2
    assert "name a wired device" in only_sentence(err)
