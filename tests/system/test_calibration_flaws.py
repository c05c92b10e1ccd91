"""Calibrations of boards with slow lines or crosstalk, and of whole arrays."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from oscilab.calibration import calibrate
from oscilab.calibration.fit import Block, blockwise_least_squares, least_squares
from oscilab.errors import InvalidInput

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from wired_benches import opened, pair

BASE = {
    "seed": 1, "gain_error": 0.01, "offset_error_V": 0.005, "input_noise_V": 5e-4,
    "kT_error": 0.05, "mobility_error": 0.05, "step_fraction": 0.005,
}  # fmt: skip
SIGMAS = 5.0


def board(settings=None, **flaws):
    connection = {"imperfections": {**BASE, **flaws}}
    return opened(pair(settings=settings or {}, connection=connection))


def off(result, array, name):
    """Return the error of a constant of the calibration, in standard errors."""
    truth = getattr(array.wired.front_end.board.truth.units, name)
    found = result.calibration
    return (getattr(found.units, name) - truth) / getattr(found, f"{name}_error")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("lag", ["sensor_settling_s", "output_settling_s"])
def test_slow_lines_are_timed_and_sensors_blur_is_taken_out(lag):
    """kT and mobility agree to 5 standard errors, as with fast lines: false-alarm rate 2e-6.

    Uncorrected, the blur of a 50 us sensor takes away a tenth of kT; the drive's lag does not.
    """
    array = board({"settle_s": 5e-4}, **{lag: 5e-5})
    result = calibrate(array, points=800, releases=2000)
    assert result.faults == []
    assert result.notes == []
    assert result.calibration.response_s == pytest.approx(5e-5, rel=0.15)
    for name in ("kT", "mobility"):
        assert abs(off(result, array, name)) < SIGMAS


def test_lines_that_need_longer_waits_are_reported():
    array = board({"settle_s": 2e-4}, output_settling_s=5e-5)
    notes = calibrate(array, points=400, releases=200).notes
    assert any("settle_s is 0.0002 s; set it to" in note for note in notes), notes


def test_sensors_too_slow_for_thermal_motion_leave_kT_as_it_is():
    array = board({"settle_s": 1e-2}, sensor_settling_s=1e-3)
    result = calibrate(array, points=400, releases=200)
    assert result.thermal is None
    assert result.calibration.units == array.calibration.units
    assert "too long for kT and mobility" in result.notes[-1]


@pytest.mark.parametrize(
    ("flaw", "line"),
    [("output_crosstalk", "ao7 (clamp[0])"), ("input_crosstalk", "ai0 (position[0])")],
)
def test_crosstalk_of_clamps_and_of_their_sensors_is_told_apart(flaw, line):
    notes = calibrate(board(**{flaw: 0.01}), points=800, releases=0).notes
    other = "ao8 (clamp[1])"
    (share,) = [n.split("picks up ")[1] for n in notes if n.startswith(line) and n.endswith(other)]
    assert 0.8 < float(share.split("%")[0]) < 1.2
    assert not any(note.startswith("ai" if line.startswith("ao") else "ao7") for note in notes)


@pytest.mark.slow
def test_an_8x8_array():
    """Pulls of 466 lines: their root mean square is 1 to 5 standard errors, 6e-7."""
    topology = {"kind": "lattice", "rows": 8, "columns": 8, "radius": 1.5}
    array = opened(pair(topology=topology, connection={"imperfections": BASE}))
    result = calibrate(array, points=800, releases=0)
    assert result.faults == []
    truth = array.wired.front_end.board.truth.lines
    pulls = [
        (line.gain - truth[channel].gain) / line.gain_error
        for channel, line in result.calibration.lines.items()
        if line.gain_error
    ]
    assert len(pulls) == 64 * 3 + 210 + 64
    assert abs(np.mean(np.square(pulls)) - 1) < SIGMAS * np.sqrt(2 / len(pulls))


def test_blocks_make_the_same_fit():
    rng = np.random.default_rng(7)
    truth = rng.normal(size=5)
    blocks, design = [], np.zeros((60, 5))
    for number, columns in enumerate(([0, 1, 2], [2, 3], [0, 3, 4])):
        rows = slice(20 * number, 20 * number + 20)
        design[rows, columns] = part = rng.normal(size=(20, len(columns)))
        readings = part @ truth[columns] + 0.1 * rng.normal(size=20)
        blocks.append(Block(np.array(columns), part, readings))
    whole = least_squares(design, np.concatenate([block.readings for block in blocks]))
    fit = blockwise_least_squares(lambda: blocks, 6)
    np.testing.assert_allclose(fit.values[:5], whole.values, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance[:5, :5], whole.covariance, rtol=1e-9)
    assert fit.values[5] == fit.covariance[5, 5] == 0
    expected, *_ = np.linalg.lstsq(design, np.concatenate([b.readings for b in blocks]))
    np.testing.assert_allclose(whole.values, expected, rtol=1e-9)


def test_impossible_fits_are_refused_with_the_number():
    with pytest.raises(InvalidInput, match=r"a fit of 21456 unknowns would take 3\.7 GB"):
        blockwise_least_squares(list, 21456)
    with pytest.raises(InvalidInput, match="3 readings cannot tell 3 unknowns apart"):
        least_squares(np.eye(3), np.ones(3))
