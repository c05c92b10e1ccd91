"""What must not slip past a check: odd numbers, odd bounds, odd moments."""

from dataclasses import replace

import numpy as np
import pytest
from wired_benches import opened, pair

from oscilab.calibration import calibrate
from oscilab.errors import (
    CannotDo,
    DeviceFailed,
    InterlockTripped,
    InvalidInput,
    OutOfBox,
    OutOfLimits,
)
from oscilab.wired.interlocks import Beats, Interlock, Interlocks
from oscilab.wired.lock import is_held
from oscilab.wired.plays import Play
from oscilab.wired.waveform import Waveform

SLEW = 1e3
SLOW = {
    "outputs": {"range": [-10.0, 10.0], "slew": SLEW, "safe": 0.5},
    "clamp_enable": {"safe": True},
}
FIRST = np.array([0])


def interlocked(**interlock):
    return pair(limits=SLOW, interlocks={"x": interlock})


@pytest.mark.parametrize("level", [0, 1])
def test_a_level_that_is_not_a_number_forbids_driving(level):
    lock = Interlock(channel="di0", level=level)
    assert lock.satisfied(np.array([level, np.nan, 1 - level])).tolist() == [True, False, False]


def test_a_heartbeat_that_is_not_a_number_does_not_beat():
    channels = opened(pair()).wired.front_end.channels
    beat = {"beat": {"channel": "di1", "beats_every_s": 1.0}}
    beats = Beats(Interlocks(beat, channels, "bench", live=True))
    assert not beats.see(np.array([1.0]), 0.0)
    with pytest.raises(InterlockTripped, match="beat on di1 reads nan, which is no beat"):
        beats.see(np.array([np.nan]), 0.1)


@pytest.mark.parametrize(
    "bounds", [{"below": 10.5}, {"above": -11.0}, {"above": -11.0, "below": 3.0}]
)
def test_an_interlock_that_its_input_could_never_trip_is_refused(bounds):
    with pytest.raises(InvalidInput, match=r"aux0 .* reads only -10 to 10 V"):
        opened(interlocked(channel="aux0", **bounds))


def test_the_last_codes_of_a_converter_must_trip_an_interlock():
    bits = {"imperfections": {"adc_bits": 12}}
    with pytest.raises(InvalidInput, match="could never trip"):
        opened(pair(connection=bits, interlocks={"x": {"channel": "aux0", "below": 10.0}}))
    opened(pair(connection=bits, interlocks={"x": {"channel": "aux0", "below": 9.9}})).close()


def test_an_interlock_that_nothing_satisfies_is_refused():
    with pytest.raises(InvalidInput, match="nothing is above 3 and below 2 V"):
        opened(interlocked(channel="aux0", above=3.0, below=2.0))


def test_outputs_that_read_back_as_no_number_are_not_driven():
    faults = [{"call": "read_outputs", "number": 1, "kind": "nan"}]
    array = opened(pair(limits=SLOW, settings={"faults": faults}))
    with pytest.raises(DeviceFailed, match="output ao0 reads back as nan V"):
        array.measure_forces(array.description.potential.vector(stiffness=2.0), [[1.0, 0.0]])
    assert not array.wired.front_end.front_end.board.writes
    array.close()


def driven():
    array = opened(pair(limits=SLOW))
    array.drive.energise()
    return array


def test_the_slew_limit_holds_at_a_fast_clock_as_well():
    limits = {**SLOW, "outputs": {"range": [-10.0, 10.0], "slew": 1e-3, "safe": 0.0}}
    array = opened(pair(limits=limits))
    array.drive.energise()
    rate, slow = 1e7, 1e-3 / 1e7
    for step, allowed in ((slow, True), (3 * slow, False)):
        waveform = Waveform(FIRST, step * np.arange(1.0, 4.0)[np.newaxis], np.ones(3, np.int64))
        if allowed:
            array.drive.limits.check_waveform(waveform, array.drive.outputs.levels, rate)
        else:
            with pytest.raises(OutOfLimits, match=r"slew limit of 0\.001 V/s"):
                array.drive.limits.check_waveform(waveform, array.drive.outputs.levels, rate)


def test_a_step_of_no_samples_hides_no_jump():
    array = driven()
    # Every level is one volt from the next, but the one between lasts no time.
    waveform = Waveform(FIRST, np.array([[0.5, 1.5, 2.5]]), np.array([1, 0, 1]))
    with pytest.raises(OutOfLimits, match="less than a sample"):
        array.drive.exchange(Play(waveform, SLEW, ["ai0"], np.array([0])))
    assert array.wired.front_end.board.highest[0] == 0.5


def test_the_way_to_safe_values_comes_before_the_first_waveform_is_checked():
    array = opened(pair(limits=SLOW))
    board = array.wired.front_end.board
    # Left by a program before; the waveform goes on from there, and outputs do not stay there.
    board.levels[:] = 9.0
    board.levels[-1] = 1.0
    waveform = Waveform(FIRST, np.array([[9.0]]), np.array([10]))
    with pytest.raises(OutOfLimits, match="slew"):
        array.drive.exchange(Play(waveform, SLEW, ["ai0"], np.array([5])))
    assert (board.fastest[:-1] <= SLEW * (1 + 1e-6)).all()


def test_an_array_that_cannot_be_described_lets_go_of_its_hardware(tmp_path, monkeypatch):
    def refuse(*given):
        raise InvalidInput("its calibration leaves nothing of a range")

    monkeypatch.setattr("oscilab.wired.array.describe", refuse)
    levels = str(tmp_path / "levels.bin")
    with pytest.raises(InvalidInput, match="leaves nothing"):
        opened(pair(limits=SLOW, connection={"levels_file": levels}))
    assert not is_held(levels)


@pytest.mark.parametrize(
    ("limits", "settings"),
    [
        ({"clamp": {"range": [0.0, 10.0], "slew": SLEW, "safe": 0.0}}, {}),
        ({"clamp": {"range": [1.0, 10.0], "slew": SLEW, "safe": 1.0}}, {}),
        ({"stiffness": {"range": [-10.0, 0.0], "slew": SLEW, "safe": 0.0}}, {}),
        ({"stiffness": {"range": [2.0, 10.0], "slew": SLEW, "safe": 2.0}}, {}),
        ({}, {"ranges": {"bias": (1.0, -1.0)}}),
        ({}, {"length_m": 1e-300}),
    ],
)
def test_a_bench_without_design_gains_is_refused(limits, settings):
    with pytest.raises(InvalidInput, match=r"no design gain|is empty|length_m"):
        opened(pair(limits={**SLOW, **limits}, settings=settings))


def test_a_range_may_be_written_as_toml_writes_it():
    array = opened(pair(limits=SLOW, settings={"ranges": {"quartic": [0.0, 7]}}))
    where = array.description.potential.family("quartic").where
    assert array.description.box.upper[where] == pytest.approx(7)
    array.close()


def test_a_range_of_nothing_but_zero_leaves_a_line_at_rest():
    array = opened(pair(limits=SLOW, settings={"ranges": {"quartic": (0.0, 0.0)}}))
    array.measure_forces(array.description.potential.vector(stiffness=2.0), [[1.0, 0.0]])
    with pytest.raises(OutOfBox, match="quartic"):
        array.description.check_parameters(
            array.description.potential.vector(stiffness=2.0, quartic=0.1)
        )
    array.close()


def test_a_calibration_needs_force_sensors():
    targets = ["bias[0]", "bias[1]", "stiffness[0]", "stiffness[1]", "quartic[0]", "quartic[1]"]
    targets += ["coupling[0,1]", "clamp[0]", "clamp[1]"]
    wiring = {f"ao{number}": target for number, target in enumerate(targets)}
    wiring |= {"do0": "clamp_enable", "ai0": "position[0]", "ai1": "position[1]"}
    with pytest.raises(CannotDo, match="calibrating needs force_readout"):
        calibrate(opened(pair(wiring=wiring)), points=50, releases=0)


@pytest.mark.parametrize("volts", [10.5, np.nan, -np.inf])
def test_the_virtual_board_takes_no_volts_that_its_converters_cannot_make(volts):
    front_end = opened(pair()).wired.front_end
    wanted = front_end.read_outputs()
    wanted[3] = volts
    with pytest.raises(DeviceFailed, match="ao3"):
        front_end.set_outputs(wanted)
    waveform = Waveform(np.array([3]), np.array([[volts]]), np.array([1]))
    with pytest.raises(DeviceFailed, match="ao3"):
        front_end.exchange(waveform, 1e3, ["ai0"], np.array([0]))
    assert not front_end.board.levels.any()


def test_a_virtual_board_without_a_clock_plays_no_waveform():
    front_end = opened(pair(connection={"hardware_timed": False})).wired.front_end
    waveform = Waveform(FIRST, np.array([[1.0]]), np.array([1]))
    with pytest.raises(DeviceFailed, match="not hardware timed"):
        front_end.exchange(waveform, 1e3, ["ai0"], np.array([0]))
    with pytest.raises(DeviceFailed, match="cannot read its outputs back"):
        opened(pair(connection={"output_readback": False})).wired.front_end.read_outputs()


def test_readings_of_another_shape_are_the_driver_s_fault(monkeypatch):
    array = opened(pair())
    front_end, theta = array.wired.front_end, array.description.potential.vector(stiffness=1.0)
    exchange, read_inputs = front_end.exchange, front_end.read_inputs

    def without_repeats(*arguments):
        found = exchange(*arguments)
        return replace(found, volts=found.volts[:, 0])

    monkeypatch.setattr(front_end, "exchange", without_repeats)
    with pytest.raises(DeviceFailed, match=r"\(4, 3\), not \(4, 1, 3\), .* correct its driver"):
        array.measure_forces(theta, np.ones((3, 2)))
    np.testing.assert_array_equal(front_end.board.levels, array.drive.limits.safe)
    monkeypatch.setattr(front_end, "read_inputs", lambda *given: read_inputs(*given).T)
    with pytest.raises(DeviceFailed, match=r"\(1, 2\), not \(2, 1\), which is \[input, sample"):
        array.drive.front_end.read_inputs(["ai0", "ai1"])
