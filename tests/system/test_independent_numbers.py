"""Stated numbers against independent ones: worked by hand, or from the spread over repeats.

A test that compares a number with itself passes when both are wrong. Every expected value here is
written out, or measured in another way than in the code under test.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import small_runs
from matplotlib.axes import Axes

import oscilab
from oscilab.calibration import calibrate
from oscilab.calibration.calibrate import Result
from oscilab.calibration.constants import (
    Response,
    Springs,
    Thermal,
    measure_springs,
    thermal_motion,
)
from oscilab.calibration.fit import inverted, straight_line
from oscilab.calibration.lines import fit_sensors
from oscilab.calibration.report import constant_rows, family_rows, line_rows, measured_lines
from oscilab.calibration.sweep import Layout, Sweep
from oscilab.data import two_gaussians
from oscilab.data.dataset import split_held_out
from oscilab.errors import OutOfBox, OutOfClamp
from oscilab.learning.measurement import PointSource, Sampling
from oscilab.learning.optimisers import optimiser_named
from oscilab.learning.rules import RULES
from oscilab.learning.training import Rate, Training
from oscilab.merit.distances import at_most, fitted_gaussian, unit_directions
from oscilab.physics import Noising, Potential, all_to_all, geometric
from oscilab.traces.plan import Coding
from oscilab.traces.plots import draw_energetics
from oscilab.traces.run import open_run
from oscilab.traces.writer import RunWriter
from oscilab.wired import Units, parts_of, write_calibration
from oscilab.wired.calibration import Calibration, Line
from oscilab_sim.array import SimulatedArray
from oscilab_sim.settings import SimulatedSettings

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from wired_benches import opened, pair

UNITS = Units(kT=4e-21, stiffness=1e-6, mobility=2e7)
LENGTH = 6.32455532e-8
"""sqrt(4e-21 J / 1e-6 N/m), in metres."""
POTENTIAL = Potential(all_to_all(2), ["bias", "stiffness", "quartic", "coupling"])
SIGMAS = 5.0
TARGETS = {"ao0": "bias[0]", "ao1": "bias[1]", "ao2": "clamp[0]"}


def test_units_in_SI():
    """A thermal amplitude of 63 nm, a relaxation of 50 ms, a force of 63 fN."""
    np.testing.assert_allclose([UNITS.length, UNITS.time], [LENGTH, 0.05], rtol=1e-8)
    units = {
        "clamp[0]": LENGTH,
        "position[1]": LENGTH,
        "force[0]": 6.32455532e-14,  # 4e-21 J / 63.2 nm
        "bias[0]": 6.32455532e-14,
        "stiffness[1]": 1e-6,
        "coupling[0,1]": 1e-6,
        "quartic[0]": 2.5e8,  # 4e-21 J / (4e-15 m^2)^2
        "clamp_enable": 1.0,
    }
    found = [UNITS.of_target(target, POTENTIAL) for target in units]
    np.testing.assert_allclose(found, list(units.values()), rtol=1e-8)


def calibrated(folder, **lines):
    """Return a pair of oscillators; `lines` are (volts per SI unit, offset in volts) by family."""
    known = parts_of(pair()).calibration
    changed = {
        channel: line.model_copy(
            update=dict(zip(("gain", "offset"), lines[line.target.split("[")[0]], strict=True))
        )
        for channel, line in known.lines.items()
        if line.target.split("[")[0] in lines
    }
    calibration = replace(known, units=UNITS, lines={**known.lines, **changed})
    write_calibration(calibration, folder / "c.toml")
    return opened(pair(folder, calibration="c.toml", settings={"clamp": 8.0}))


def test_limits_narrow_the_box_and_the_clamps(tmp_path):
    """Within +-10 V: stiffness has 0.1 V per unit from 1 V, clamps 2 V per amplitude from 0.5 V."""
    array = calibrated(tmp_path, stiffness=(1e5, 1.0), clamp=(2 / LENGTH, 0.5))
    description = array.description
    where = description.potential.family("stiffness").where
    np.testing.assert_allclose(description.box.lower[where], -110.0, rtol=1e-6)
    np.testing.assert_allclose(description.box.upper[where], 90.0, rtol=1e-6)
    np.testing.assert_allclose(description.clamp_lower, -5.25, rtol=1e-6)
    np.testing.assert_allclose(description.clamp_upper, 4.75, rtol=1e-6)
    with pytest.raises(OutOfBox, match=r"stiffness\[0\]"):
        array.measure_forces(description.potential.vector(stiffness=90.1), np.zeros((1, 2)))
    with pytest.raises(OutOfClamp, match="oscillator 0"):
        array.measure_forces(description.potential.vector(stiffness=1.0), [[4.8, 0.0]])
    array.close()


SMALL = {"steps": 2, "slices": 2, "samples": 40, "batch": 50, "checkpoint_every": 1}


def trained(path, seed):
    """Return all set-points and positions of a run, and the set-points of its noisiest node."""
    oscilab.train("two-gaussians", overrides={**SMALL, "seed": seed}, out=path, log_batches="all")
    with open_run(path) as run:
        points = run.tree["readings"].set_points.values
        noisiest = points[run.tree["training"].node_number.values == 2]
        return points, run.tree["trajectory"].positions.values, noisiest


def test_seeds_draw_different_points_noise_and_bath(tmp_path):
    """At the noisiest node, 200 points of two seeds are uncorrelated: 5 / sqrt(200)."""
    first = trained(tmp_path / "first.h5", 1)
    again = trained(tmp_path / "again.h5", 1)
    other = trained(tmp_path / "other.h5", 2)
    for one, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert (one != different).any(axis=-1).mean() > 0.99
    assert first[2].size >= 200
    assert abs(np.corrcoef(first[2].ravel(), other[2].ravel())[0, 1]) < SIGMAS / 200**0.5


def test_points_take_other_data_and_other_noise_with_another_generator():
    """Of 1000 data, 200 draws agree 0.2 times on average; more than 5 times by 1e-7 of chance."""
    bound = np.full(1, 1e6)
    points = PointSource(np.arange(1000.0)[:, np.newaxis], Noising(), -bound, bound)
    first, again, other = (points.draw(0.1, 200, np.random.default_rng(seed)) for seed in (1, 1, 2))
    for name in ("data", "noise", "noised"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.data == other.data).sum() <= 5
    assert abs(np.corrcoef(first.noise.ravel(), other.noise.ravel())[0, 1]) < SIGMAS / 200**0.5


def swept_gains(seed):
    """Gains `[line, 1]` that a sweep of 50 points finds with noise of 1 mV, by line."""
    array = board(input_noise_V=1e-3)
    lines = calibrate(array, points=50, releases=0, seed=seed).calibration.lines
    array.close()
    return np.array([[line.gain] for line in lines.values() if line.gain_error])


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: two_gaussians().sample(100, seed)[0],
        lambda seed: fitted_gaussian(np.arange(10.0).reshape(5, 2), 100, seed),
        lambda seed: at_most(np.arange(1000.0)[:, np.newaxis], 100, seed),
        lambda seed: unit_directions(100, 3, seed),
        lambda seed: split_held_out(np.arange(500.0)[:, np.newaxis], None, 0.2, seed)[1],
        swept_gains,
    ],
    ids=["mixture", "gaussian", "at_most", "directions", "held_out", "sweep"],
)
def test_other_seeds_draw_other_numbers(draw):
    """Less than half of 50 rows or more agree: by chance less than 10 % would."""
    first, again, other = draw(1), draw(1), draw(2)
    np.testing.assert_array_equal(first, again)
    assert (first == other).all(axis=-1).mean() < 0.5


def test_samples_of_two_seeds_differ(tmp_path):
    run = oscilab.train("two-gaussians", overrides=SMALL, out=tmp_path / "run.h5").path
    first, again, other = (
        oscilab.sample(run, n=20, seed=seed, out=tmp_path / f"{number}.h5").samples
        for number, seed in enumerate((1, 1, 2))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_error_of_work_and_heat_is_the_spread_over_the_root_of_their_number(tmp_path):
    result = oscilab.train("two-gaussians", overrides=SMALL, out=tmp_path / "run.h5")
    with open_run(result.path) as run:
        for name in ("work", "heat"):
            values = run.tree["trajectory"][name].values
            assert len(values) == 40
            expected = values.std(ddof=1) / 40**0.5
            assert result.figures[f"{name}_error"] == pytest.approx(expected, rel=1e-6)


def test_picture_of_work_states_mean_and_error(tmp_path, monkeypatch):
    """Work of 1 to 6: mean 3.5, standard deviation sqrt(3.5), error sqrt(3.5 / 6) = 0.76."""
    path = tmp_path / "run.h5"
    with RunWriter.create(path, small_runs.plan(samples=6)) as writer:
        small_runs.write_steps(writer, 0, 1)
        writer.write_protocol(small_runs.protocol(1))
        writer.write_trajectory(replace(small_runs.trajectory(6), work=np.arange(1.0, 7.0)))
        writer.write_result(samples={}, figures={}, tables={})
    titles = []
    monkeypatch.setattr(Axes, "set_title", lambda self, label, **style: titles.append(label))
    with open_run(path) as run:
        draw_energetics(run, tmp_path / "picture.png")
    assert titles == ["mean 3.5 ± 0.76"]


class OffsetSensors(SimulatedArray):
    """A simulated array whose position sensors read `offset` too much."""

    offset = 0.0

    def relax(self, parameters, positions, duration):
        found = super().relax(parameters, positions, duration)
        return replace(found, start=found.start + self.offset, end=found.end + self.offset)


def estimated(rule, offset):
    array = OffsetSensors(POTENTIAL, seed=3)
    array.offset = offset
    bound = np.full(2, 6.0)
    points = PointSource(np.array([[1.0, -0.5]]), Noising(), -bound, bound)
    theta = POTENTIAL.vector(stiffness=2.0)
    return RULES[rule].estimate(array, theta, 0.5, points, Sampling(64, np.random.default_rng(1)))


def test_offset_of_a_position_sensor_cancels_in_a_displacement():
    """Both ends are read by one sensor; from set-points, 0.3 over 0.063 would be a force of 5."""
    right, shifted = estimated("displacement", 0.0), estimated("displacement", 0.3)
    assert shifted.loss == pytest.approx(right.loss, rel=1e-9)
    np.testing.assert_allclose(shifted.gradient, right.gradient, rtol=1e-9, atol=1e-9)
    right, shifted = estimated("cd1", 0.0), estimated("cd1", 0.3)
    assert shifted.loss == pytest.approx(right.loss, rel=1e-9)
    where = POTENTIAL.family("bias").where
    np.testing.assert_allclose(shifted.gradient[where], right.gradient[where], rtol=1e-9, atol=1e-9)


def test_codes_count_from_their_offset(tmp_path):
    """4 + 512 / 1024 = 4.5 and 4 - 1024 / 1024 = 3."""
    path = tmp_path / "run.h5"
    forces = np.full((small_runs.SHOTS, small_runs.POTENTIAL.oscillators), 4.5)
    forces[0, 1] = 3.0
    reading = replace(small_runs.force_reading(0), forces=forces)
    plan = small_runs.plan(codings={"forces": Coding(2.0**-10, 4.0)})
    with RunWriter.create(path, plan) as writer:
        writer.append(**small_runs.rows(0))
        writer.append_reading(row=0, reading=reading)
    with h5py.File(path) as file:
        stored = file["entry/readings/forces"]
        assert stored[0, 0, :2].tolist() == [512, -1024]
        assert stored.attrs["add_offset"] == 4.0
        assert file["entry/readings/forces_offset"][()] == 4.0
    with open_run(path) as run:
        np.testing.assert_array_equal(run.tree["readings"].forces.values[0], forces)


def board(**flaws):
    """Return a device whose board has `flaws`."""
    given = {"seed": 1, "step_fraction": 0.005, **flaws}
    return opened(pair(connection={"imperfections": given}))


@pytest.mark.parametrize(("share", "is_named"), [(5e-5, False), (4e-4, True)])
@pytest.mark.parametrize("kind", ["output_crosstalk", "input_crosstalk"])
def test_crosstalk_is_named_from_a_ten_thousandth_on(kind, share, is_named):
    """Noise is so low that even half of that is hundreds of standard errors from zero."""
    notes = calibrate(board(input_noise_V=1e-8, **{kind: share}), points=400, releases=0).notes
    assert any("picks up" in note for note in notes) is is_named, notes


def test_noise_of_sensors_does_not_heat():
    """0.1 V is 0.16 amplitudes of 16 in 10 V: in springs of 20 it would add 20 * 0.16^2 of kT."""
    flaws = {"seed": 1, "step_fraction": 0.005, "input_noise_V": 0.1, "kT_error": 0.05}
    array = opened(pair(settings={"force_span": 2000.0}, connection={"imperfections": flaws}))
    found = calibrate(array, points=4000, releases=4000).calibration
    true = array.wired.front_end.board.truth.units.kT
    assert abs(found.units.kT - true) < SIGMAS * found.kT_error
    assert found.kT_error < 0.512 * true / 10


def test_kT_by_equipartition():
    """Positions -1, 1, -1, 1 have variance 4/3; 0.1 of it is noise. With c = 0.5, <x x^3> = 4/3.

    3 (4/3 - 0.1) + 0.5 * 4/3 = 4.3667. Its error is that of k and c, with their covariance:
    a^2 0.04 + 2 a b 0.01 + b^2 0.09 for a = 1.2333, b = 1.3333.
    """
    covariance = np.array([[[0.04, 0.01], [0.01, 0.09]]])
    springs = Springs(np.array([3.0]), np.array([0.5]), covariance)
    kT, error = springs.kT(np.array([[-1.0], [1.0], [-1.0], [1.0]]), 0.1)
    assert kT == pytest.approx(4.366667, rel=1e-6)
    assert error == pytest.approx((0.060844 + 0.032889 + 0.16) ** 0.5, rel=1e-5)


def test_error_of_what_is_left_is_the_spread_over_likely_springs():
    """Over 2000 pairs k, c drawn with a correlation of -0.9, to 5 of the spread's standard errors.

    Of two oscillators the other's spring is known exactly, so that the error of their mean is half.
    Without the correlation it would be 1.5 times as large.
    """
    covariance = 1e-4 * np.array([[4.0, -1.08], [-1.08, 0.36]])
    known = 1e-12 * np.eye(2)
    drawn = np.random.default_rng(8).multivariate_normal([2.0, 0.3], covariance, 2000)
    duration = np.array([0.5])
    left = [
        Springs(k, c, known[np.newaxis]).left(1.0, 1.0, duration)[0]
        for k, c in drawn[:, :, np.newaxis]
    ]
    springs = Springs(np.full(2, 2.0), np.full(2, 0.3), np.stack([covariance, known]))
    expected = np.std(left, ddof=1) / 2
    assert springs.left_error(1.0, 1.0, 0.5) == pytest.approx(expected, rel=SIGMAS / 4000**0.5)


def test_inverted_line_keeps_the_covariance_of_slope_and_constant():
    """offset = -4/2. 1^2 0.04 + 2 * 1 * (-1/2) (-0.03) + (1/2)^2 0.09 = 0.0925."""
    line = inverted(2.0, 4.0, np.array([[0.04, -0.03], [-0.03, 0.09]]))
    assert (line.gain, line.offset) == (0.5, -2.0)
    assert line.gain_error == pytest.approx(0.05)
    assert line.offset_error == pytest.approx(0.0925**0.5)


def test_errors_of_a_drive_line_are_its_spread_over_repeats():
    """Volts about 5, so that slope and constant are correlated to -0.98. To 5 standard errors."""
    rng, repeats = np.random.default_rng(4), 2000
    volts = 5 + rng.uniform(-1.8, 1.8, 60)
    design = np.stack([volts, np.ones(60)], axis=1)
    covariance = 0.05**2 * np.linalg.inv(design.T @ design)
    lines, straight = [], []
    for _ in range(repeats):
        noise = rng.normal(0, 0.05, 60)
        line = straight_line(volts, 2 * volts - 3 + noise)
        lines.append(inverted(line.gain, line.offset, covariance))
        straight.append(line)
    for name in ("gain", "offset"):
        for found in (lines, straight):
            spread = np.std([getattr(each, name) for each in found], ddof=1)
            stated = np.mean([getattr(each, f"{name}_error") for each in found])
            assert stated == pytest.approx(spread, rel=SIGMAS / (2 * repeats) ** 0.5)


class NoisySprings(SimulatedArray):
    """Forces -2 x - 0.3 x^3 with noise of 0.5."""

    rng = np.random.default_rng(6)

    def measure_forces(self, parameters, positions):
        found = super().measure_forces(parameters, positions)
        forces = -2 * positions - 0.3 * positions**3
        return replace(found, forces=forces + self.rng.normal(0, 0.5, positions.shape))


def test_covariance_of_springs_is_their_spread_over_repeats():
    """Stiffness and cubic to 5 standard errors of 1000 spreads each; correlated to -0.9."""
    array, rng = NoisySprings(POTENTIAL, seed=1), np.random.default_rng(7)
    theta = POTENTIAL.vector(stiffness=2.0)
    found = [measure_springs(array, theta, 40, rng) for _ in range(500)]
    pulls = np.array(
        [[each.stiffness - 2.0, each.cubic - 0.3] for each in found]
    )  # [repeat, 2, oscillator]
    stated = np.mean([each.covariance for each in found], axis=(0, 1))
    spread = np.einsum("rai,rbi->ab", pulls, pulls) / (len(found) * 2)
    np.testing.assert_allclose(stated, spread, rtol=SIGMAS * (2 / 1000) ** 0.5)
    assert -0.95 < stated[0, 1] / np.sqrt(stated[0, 0] * stated[1, 1]) < -0.85


class FastHardSprings(SimulatedArray):
    """Forces -x^3 beside what is asked for, and motion 1.2 times as fast as is thought."""

    wired = SimpleNamespace(settings=SimpleNamespace(average=1))
    harder = POTENTIAL.vector(quartic=1.0)

    def measure_forces(self, parameters, positions):
        return super().measure_forces(parameters + self.harder, positions)

    def relax(self, parameters, positions, duration):
        return super().relax(parameters + self.harder, positions, 1.2 * duration)


def test_errors_of_kT_and_mobility_are_their_spread_over_repeats():
    """kT = 1 and mobility 1.2 within 5 standard errors of the mean of 40, spread by what is stated.

    Step and first order in the quartic leave 0.2 % of the mobility, 0.3 of its stated error.
    """
    settings = SimulatedSettings(step_fraction=0.005)
    array, rng = FastHardSprings(POTENTIAL, seed=1, settings=settings), np.random.default_rng(2)
    quick, repeats = Response(0.0, 0.0), 40
    found = [thermal_motion(array, 300, quick, np.eye(2), rng) for _ in range(repeats)]
    for name, true in (("kT", 1.0), ("mobility", 1.2)):
        values = np.array([getattr(each, name) for each in found])
        pulls = (values - true) / [getattr(each, f"{name}_error") for each in found]
        assert abs(pulls.mean()) < SIGMAS / repeats**0.5
        assert pulls.std(ddof=1) == pytest.approx(1.0, abs=SIGMAS / (2 * repeats) ** 0.5)


def test_tables_of_a_calibration():
    """Gains 1.2 and 0.9 of a design of 200, to 2 and 4 of those 200; offsets of 3 and -4.5 mV."""
    design = Calibration(UNITS, {c: Line(target=t, gain=200.0) for c, t in TARGETS.items()})
    lines = {
        "ao0": Line(target="bias[0]", gain=240.0, offset=3e-3, gain_error=2.0, offset_error=5e-4),
        "ao1": Line(
            target="bias[1]", gain=180.0, offset=-4.5e-3, gain_error=4.0, offset_error=2e-4
        ),
        "ao2": Line(target="clamp[0]", gain=200.0),
    }
    found = Calibration(UNITS, lines, kT_error=4e-23, mobility_error=1e6)
    result = Result(found, [], [], Thermal(1.0, 0.01, 1.0, 0.05))
    measured = measured_lines(result, design)
    assert family_rows(measured) == [
        ("bias", "2", "0.9000 to 1.2000", "± 0.02", "-4.50 to 3.00", "± 0.5")
    ]
    assert line_rows(measured) == [
        ("ao0", "bias[0]", "1.20000", "± 0.01", "3.000", "± 0.5"),
        ("ao1", "bias[1]", "0.90000", "± 0.02", "-4.500", "± 0.2"),
    ]
    assert constant_rows(result) == [
        ("kT", "4e-21 J", "± 1.00%"),
        ("mobility", "2e+07 m/(N s)", "± 5.00%"),
        ("length", "6.3246e-08 m", ""),
        ("time", "0.05 s", ""),
    ]


class RecordingOptimiser:
    """An optimiser that records the rate and the gradient of every update."""

    def __init__(self):
        self.inner = optimiser_named("sgd", 3, POTENTIAL.parameters)
        self.rates, self.gradients = [], []

    def step(self, node, gradient, curvature, rate):
        self.rates.append(rate)
        self.gradients.append(gradient)
        return self.inner.step(node, gradient, curvature, rate)


def test_rate_falls_from_the_first_step_on():
    """Half a cosine from 0.1 to 0.02 in 4 steps: 0.06 + 0.04 cos(pi step / 4)."""
    bound = np.full(2, 6.0)
    training = Training(
        array=SimulatedArray(POTENTIAL, seed=1),
        rule=RULES["force-matching"],
        schedule=geometric(2, 0.05, 3.0),
        points=PointSource(np.array([[1.0, 0.5]]), Noising(), -bound, bound),
        sampling=Sampling(4, np.random.default_rng(0)),
        optimiser=RecordingOptimiser(),
        rate=Rate(0.1, 0.02, 4),
    )
    batches = [batch for _ in range(4) for batch in training.measure_all()]
    norms = [sum(each**2) ** 0.5 for each in training.optimiser.gradients]
    np.testing.assert_allclose([batch.gradient_norm for batch in batches], norms, rtol=1e-12)
    expected = np.repeat([0.1, 0.0882842712, 0.06, 0.0317157288], 3)
    np.testing.assert_allclose(training.optimiser.rates, expected, rtol=1e-8)


@pytest.mark.parametrize("online", [False, True])
def test_projected_is_a_share_of_the_parameters(online):
    """Every update projects back 5 of 7 parameters, which are fixed, and sometimes a quartic."""
    fixed = {"bias": (0.0, 0.0), "coupling": (0.0, 0.0), "stiffness": (1.0, 1.0)}
    ranges = {**fixed, "quartic": (-1.0, 100.0)}
    settings = SimulatedSettings(ranges=ranges)
    bound = np.full(2, 6.0)
    training = Training(
        array=SimulatedArray(POTENTIAL, seed=1, settings=settings),
        rule=RULES["force-matching"],
        schedule=geometric(2, 0.05, 3.0),
        points=PointSource(np.array([[1.0, 0.5]]), Noising(), -bound, bound),
        sampling=Sampling(16, np.random.default_rng(0)),
        optimiser=optimiser_named("sgd", 3, POTENTIAL.parameters),
        rate=Rate(0.1, 0.02, 4),
        online=online,
    )
    shares = [batch.projected for _ in range(3) for batch in training.measure_all()]
    assert all(5 / 7 - 1e-12 <= share <= 1.0 for share in shares), shares
    assert min(shares) == pytest.approx(5 / 7)


def test_a_neighbour_that_is_picked_up_brings_its_offset_into_the_error():
    """Sensor 0 adds k = 0.08 of sensor 1, whose offset is 0.3 V: 0.024 V that no clamp explains."""
    rng = np.random.default_rng(5)
    points = rng.uniform(-1.0, 1.0, (400, 2))
    noise = 1e-4 * rng.standard_normal((400, 2))
    second = 5.0 * points[:, 1] + 0.3
    positions = np.column_stack([4.0 * points[:, 0] + 0.08 * second, second]) + noise
    nothing = np.zeros((400, 2))
    sweep = Sweep(np.zeros((400, 0)), 2.0 * points, positions, nothing)
    layout = Layout(["c0", "c1"], ["x0", "x1", "f0", "f1"], [[1], [0]], [[], [], [], []])
    found = fit_sensors(sweep, layout, points)
    assert found.lines[0].offset == pytest.approx(0.024, abs=1e-4)
    # The offset of this sensor is zero: the error that is stated covers what is off, and no more.
    assert found.lines[0].offset_error == pytest.approx(0.024, rel=0.01)
    assert found.lines[1].offset_error < 1e-4
