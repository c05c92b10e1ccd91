"""CD1's two potentials: their relation, and that both stay in the box."""

from dataclasses import replace

import numpy as np
import pytest

from oscilab.arrays import PositionReading
from oscilab.errors import CannotDo
from oscilab.learning.measurement import PointSource, Sampling
from oscilab.learning.rules import RULES, EquilibriumSetting, confined
from oscilab.physics import Noising, ParameterBox, Potential, all_to_all
from oscilab_sim.array import SimulatedArray

POTENTIAL = Potential(all_to_all(1, 2), ["bias", "stiffness", "cubic", "quartic", "coupling",
                                         "square_linear", "square_square"])  # fmt: skip
CD1 = RULES["cd1"]


def test_unit_speed_and_bath_double_every_parameter():
    setting = EquilibriumSetting(POTENTIAL, Noising())
    equilibrium = POTENTIAL.vector(stiffness=3.0, quartic=0.5, bias=-0.25)
    expected = POTENTIAL.vector(stiffness=5.0, quartic=1.0, bias=-0.5)
    assert setting.generating(equilibrium) == pytest.approx(expected)
    assert setting.of(expected) == pytest.approx(equilibrium)


@pytest.mark.parametrize("noising", [Noising(), Noising(speed=2.5, temperature=0.6)])
def test_force_of_u_reverses_what_v_holds(noising):
    """-grad U = c x + (c + D) s where -grad V = D s."""
    setting = EquilibriumSetting(POTENTIAL, noising)
    rng = np.random.default_rng(0)
    equilibrium = rng.standard_normal(POTENTIAL.parameters)
    positions = rng.standard_normal((20, 2))
    score = POTENTIAL.forces(equilibrium, positions) / noising.temperature
    generating = POTENTIAL.forces(setting.generating(equilibrium), positions)
    assert generating == pytest.approx(noising.score_force(positions, score))


@pytest.mark.parametrize("noising", [Noising(), Noising(speed=2.5, temperature=0.6)])
def test_both_settings_fit_the_box_and_confine(noising):
    ranges = {"stiffness": (0.5, 9.0), "bias": (-2.0, 2.0), "square_square": (-3.0, 3.0)}
    description = SimulatedArray(
        POTENTIAL, settings=SimulatedArray.Settings(ranges=ranges)
    ).description

    class Refusing:
        """Checks its parameters, as every array does, and does not move."""

        def __init__(self):
            self.description = description

        def relax(self, parameters, positions, duration):
            description.check_parameters(parameters)
            return PositionReading(positions, positions, positions, duration)

    setting = EquilibriumSetting(POTENTIAL, noising)
    rng = np.random.default_rng(1)
    for _ in range(200):
        wanted = 10 * rng.standard_normal(POTENTIAL.parameters)
        allowed = CD1.allowed(wanted, description.box, noising)
        description.check_parameters(allowed)
        # The parameters that `estimate` drives may be changed only by rounding.
        driven = setting.of(allowed)
        assert CD1.allowed(allowed, description.box, noising) == pytest.approx(allowed, abs=1e-9)
        inside = description.box.project(driven)
        assert inside == pytest.approx(driven, abs=1e-9)
        points = PointSource(np.zeros((1, 2)), noising, *np.array([[-6.0] * 2, [6.0] * 2]))
        CD1.estimate(Refusing(), allowed, 0.5, points, Sampling(2, rng))


def test_a_box_that_cannot_hold_both_is_refused():
    box = ParameterBox.of_ranges(POTENTIAL, {"stiffness": (3.0, 4.0)})
    with pytest.raises(CannotDo, match=r"stiffness\[0\] lets both lie within its range 3 to 4"):
        CD1.allowed(POTENTIAL.vector(stiffness=3.5), box, Noising())


def test_the_contrast_reads_its_own_ends_only():
    """With NaN in all positions off a term's ends, its feature is bit-identical."""
    potential = Potential(all_to_all(2, 2), ["bias", "stiffness", "coupling", "square_linear"])
    positions = np.random.default_rng(2).standard_normal((16, 4))
    whole = potential.features(positions)
    for p in range(potential.parameters):
        blind = positions.copy()
        blind[:, np.setdiff1d(np.arange(4), potential.ends_of(p))] = np.nan
        assert potential.features(blind)[p].tobytes() == whole[p].tobytes()


def test_features_are_the_energies_of_unit_parameters():
    positions = np.random.default_rng(3).standard_normal((16, 2))
    for p, found in enumerate(POTENTIAL.features(positions)):
        unit = np.eye(POTENTIAL.parameters)[p]
        assert found == pytest.approx(POTENTIAL.energy(unit, positions).sum(), rel=1e-12)


def test_neither_data_nor_noise_of_a_point_is_used():
    """Points with other data and noise behind the same positions give the same gradient."""

    class Source(PointSource):
        def draw(self, time, batch, rng):
            drawn = super().draw(time, batch, rng)
            return replace(drawn, data=drawn.data * np.nan, noise=np.zeros_like(drawn.noise))

    bound = np.full(2, 6.0)
    found = []
    for kind in (PointSource, Source):
        array = SimulatedArray(POTENTIAL, seed=5)
        points = kind(np.ones((3, 2)), Noising(), -bound, bound)
        parameters = POTENTIAL.vector(stiffness=2.0, quartic=0.1)
        sampling = Sampling(64, np.random.default_rng(6))
        found.append(CD1.estimate(array, parameters, 0.3, points, sampling).gradient)
    assert np.array_equal(*found)


def test_what_is_allowed_of_u_confines_v():
    """For an allowed setting of U, V needs no change."""
    noising = Noising(speed=2.5, temperature=0.6)
    box = ParameterBox.of_ranges(POTENTIAL)
    setting = EquilibriumSetting(POTENTIAL, noising)
    rng = np.random.default_rng(2)
    lacked = 0
    for _ in range(100):
        wanted = setting.generating(3 * rng.standard_normal(POTENTIAL.parameters))
        equilibrium = setting.of(CD1.allowed(wanted, box, noising))
        raised = confined(equilibrium, box)
        np.testing.assert_allclose(raised, equilibrium, rtol=0, atol=1e-12)
        lacked += (confined(setting.of(wanted), box) != setting.of(wanted)).any()
    assert lacked > 10


class StandingStill:
    """An array whose oscillators do not move when they are released."""

    def __init__(self):
        self.description = SimulatedArray(POTENTIAL).description

    def relax(self, parameters, positions, duration):
        return PositionReading(positions, positions, positions, duration)


def test_baths_share_of_the_loss_is_taken_off():
    """At c = 1 and D = 1/2 V's forces count (1 + 1/2) / (1/2) = 3 times. Of 2 oscillators that are
    released for 0.2 * 0.75: 3^2 * 2 * (1/2) / 0.15 = 60.
    """
    noising, bound = Noising(1.0, 0.5), np.full(2, 5.0)
    points = PointSource(np.zeros((1, 2)), noising, -bound, bound)
    sampling = Sampling(50, np.random.default_rng(3), weighting="uniform", delta=0.2)
    theta = POTENTIAL.vector(stiffness=2.0)
    found = CD1.estimate(StandingStill(), theta, np.log(2), points, sampling)
    drawn = points.draw(np.log(2), 50, np.random.default_rng(3))
    # c x - F* = (c + D) eps / sigma, for oscillators that show no force.
    missed = np.square(1.5 * drawn.noise / 0.75**0.5).sum() / 50
    assert found.loss == pytest.approx(missed / 2 - 60)
    np.testing.assert_allclose(found.targets, -0.5 * drawn.noise / 0.75**0.5, rtol=1e-9)
