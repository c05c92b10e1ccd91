"""Calibrations of many random boards, compared with the boards' true values."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from oscilab.calibration import calibrate, lines
from oscilab.calibration.lines import BOTH

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from wired_benches import opened, pair

BENCHES = 20
PLANTS = [
    ({}, []),
    ({"dead": ["ao2"]}, ["ao2 (stiffness[0]) is dead"]),
    ({"stuck": {"ao6": 4.0}}, ["ao6 (coupling[0,1]) is stuck at "]),
    ({"swapped": [["ao1", "ao4"]]}, ["ao1 (bias[1]) and ao4 (quartic[0]) are swapped"]),
    ({"swapped": [["ai0", "ai1"]]}, ["ai0 (position[0]) and ai1 (position[1]) are swapped"]),
    ({"dead": ["ai1"]}, ["ai1 (position[1]) is dead"]),
    ({"stuck": {"ai0": -2.5}}, ["ai0 (position[0]) is stuck at -2.5 V"]),
    ({"dead": ["ai3"]}, ["ai3 (force[1]) does not answer"]),
]


def board(seed, **plant):
    rng = np.random.default_rng(seed)
    flaws = {
        "seed": seed, "gain_error": 0.01, "offset_error_V": 0.005, "input_noise_V": 5e-4,
        "kT_error": float(rng.normal(0, 0.05)), "mobility_error": float(rng.normal(0, 0.05)),
        "step_fraction": 0.0005, **plant,
    }  # fmt: skip
    return opened(pair(connection={"imperfections": flaws}))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_errors_are_as_large_as_stated():
    """Pulls of every kind of quantity are standard normal by the Kolmogorov-Smirnov test.

    Six kinds at p = 1e-4 each: false-alarm rate 6e-4. kT and mobility within 2 % of the truth,
    3.8 and 11 standard errors, over 20 boards: 3e-3.
    """
    pulls = {}
    for seed in range(BENCHES):
        array = board(seed)
        result = calibrate(array, points=800, releases=40_000, seed=seed)
        assert result.faults == []
        assert result.notes == []
        truth, found = array.wired.front_end.board.truth, result.calibration
        for channel, line in found.lines.items():
            if not line.gain_error:
                continue
            kind, true = channel[:2], truth.lines[channel]
            pulls.setdefault(f"{kind} gain", []).append((line.gain - true.gain) / line.gain_error)
            offset = (line.offset - true.offset) / line.offset_error
            pulls.setdefault(f"{kind} offset", []).append(offset)
        for name in ("kT", "mobility"):
            value, true = getattr(found.units, name), getattr(truth.units, name)
            assert abs(value / true - 1) < 0.02
            pulls.setdefault(name, []).append((value - true) / getattr(found, f"{name}_error"))
    assert set(pulls) == {"ao gain", "ao offset", "ai gain", "ai offset", "kT", "mobility"}
    for name, values in pulls.items():
        assert stats.kstest(values, "norm").pvalue > 1e-4, (name, np.mean(values), np.std(values))


@pytest.mark.parametrize(
    "seeds", [range(1), pytest.param(range(1, BENCHES), marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("plant", "names"), PLANTS)
def test_what_is_broken_is_named_and_nothing_else(plant, names, seeds):
    """On 20 boards per kind, 160 in all, faults and crosstalk are named at six standard errors:
    2e-9 for each of 7 lines and about 40 pairs, a false-alarm rate of 1.5e-5.
    """
    for seed in seeds:
        result = calibrate(board(seed, **plant), points=400, releases=0, seed=seed)
        found = result.faults
        assert result.notes == []
        assert len(found) == len(names), found
        for fault, name in zip(found, names, strict=True):
            assert fault.startswith(name), found


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["output_crosstalk", "input_crosstalk"])
def test_crosstalk_does_not_spoil_the_calibration(kind):
    """Gains, offsets, kT and mobility are within 5 standard errors: 6e-7 each, 1e-4 in all."""
    for seed in range(6):
        array = board(seed, **{kind: 0.01})
        found = calibrate(array, points=800, releases=20_000, seed=seed).calibration
        truth = array.wired.front_end.board.truth
        for channel, line in found.lines.items():
            if line.gain_error:
                true = truth.lines[channel]
                assert abs(line.gain - true.gain) < 5 * line.gain_error, (seed, channel)
                assert abs(line.offset - true.offset) < 5 * line.offset_error, (seed, channel)
        for name in ("kT", "mobility"):
            off = getattr(found.units, name) - getattr(truth.units, name)
            assert abs(off) < 5 * getattr(found, f"{name}_error"), (seed, name)


@pytest.mark.parametrize(
    ("crosstalk", "is_said"),
    [
        ({"output_crosstalk": 0.01}, False),
        ({"input_crosstalk": 0.01}, False),
        ({"output_crosstalk": 0.01, "input_crosstalk": 0.01}, True),
    ],
)
def test_ambiguous_crosstalk_is_reported(crosstalk, is_said):
    """Neighbours have a crosstalk of a hundredth; lines are significant at six standard errors."""
    notes = calibrate(board(1, **crosstalk), points=1500, releases=0, seed=1).notes
    assert (BOTH in notes) is is_said


def test_crosstalk_that_is_not_looked_for_is_said(monkeypatch):
    monkeypatch.setattr(lines, "MOST_UNKNOWNS", 10)
    notes = calibrate(board(1, output_crosstalk=0.01), points=400, releases=0, seed=1).notes
    assert any("parameter lines and of force sensors was not looked for" in note for note in notes)


def test_crosstalk_is_named_where_it_is():
    """Its size is right to a third: crosstalk between clamps is not part of the fit."""
    array = board(1, output_crosstalk=0.01)
    notes = calibrate(array, points=1500, releases=200).notes
    name = r"ao3 \(stiffness\[1\]\) picks up (.*)% of ao2 \(stiffness\[0\]\)"
    (found,) = [match for match in map(re.compile(name).fullmatch, notes) if match]
    assert 0.67 < float(found[1]) < 1.33
