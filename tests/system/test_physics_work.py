"""Work and heat of a breathing trap, against exact means and Jarzynski's equality."""

from __future__ import annotations

import numpy as np
import pytest

from oscilab.physics import Potential, Protocol, geometric, lattice
from oscilab_sim.array import SimulatedArray

COPIES, OSCILLATORS = 20000, 2


def breathing(stiffness, interpolation="constant"):
    """Return a protocol of traps of the given stiffnesses, in order of playback."""
    potential = Potential(lattice(1, OSCILLATORS, 0), ["stiffness"])
    nodes = list(reversed(stiffness))
    if interpolation == "constant":
        nodes = [nodes[0], *nodes]
    schedule = geometric(len(stiffness) - (interpolation == "linear"), 0.1, 1.0, interpolation)
    settings = np.stack([potential.vector(stiffness=value) for value in nodes])
    return Protocol(potential, schedule, settings)


def exact_means(protocol, variance):
    """Mean work and heat of one oscillator, from its variance carried through the stairs.

    W = sum (k_n - k_{n-1}) <x_n^2> / 2 and Q = -sum k_n (<x_{n+1}^2> - <x_n^2>) / 2.
    """
    work = heat = 0.0
    last = None
    stairs = protocol.stairs()
    for duration, (k, *_) in zip(stairs.durations, stairs.parameters, strict=True):
        if last is not None:
            work += (k - last) * variance / 2
        after = 1 / k + (variance - 1 / k) * np.exp(-2 * k * duration)
        heat -= k * (after - variance) / 2
        variance, last = after, k
    return work, heat


def played(protocol, variance, temperature=1.0):
    settings = SimulatedArray.Settings(step_fraction=0.005, temperature=temperature)
    array = SimulatedArray(protocol.potential, seed=21, settings=settings)
    start = np.random.default_rng(5).normal(size=(COPIES, OSCILLATORS)) * np.sqrt(variance)
    return array.play(protocol, initial=start)


CASES = {
    "squeezed": breathing([1.0, 1.5, 2.0, 3.0, 4.0]),
    "let go": breathing([4.0, 2.0, 1.0]),
    "in and out": breathing([1.0, 6.0, 1.0, 6.0]),
    "at once": breathing([1.0, 4.0]),
    "ramped": breathing([1.0, 4.0, 1.5], "linear"),
    "ramped up": breathing([1.0, 4.0], "linear"),
}


@pytest.mark.parametrize("case", CASES)
def test_mean_work_and_heat_are_those_of_the_variance(case):
    """Both means to 5 standard errors and half a percent for the steps: false alarms 1e-6.

    Each is tested separately, because their difference telescopes to an energy.
    """
    protocol = CASES[case]
    variance = 1 / protocol.stairs().parameters[0, 0]
    work, heat = exact_means(protocol, variance)
    trajectory = played(protocol, variance)
    for found, expected in ((trajectory.work, work), (trajectory.heat, heat)):
        error = 5 * found.std() / np.sqrt(COPIES) + 0.005 * OSCILLATORS * abs(work)
        assert abs(found.mean() - OSCILLATORS * expected) < error
        assert abs(OSCILLATORS * expected) > 3 * error, "a test that nothing could fail"


@pytest.mark.parametrize("case", ["squeezed", "at once", "ramped up"])
def test_jarzynskis_equality(case):
    """<exp(-W)> = exp(-dF), dF = ln(k_end / k_start) / 2 an oscillator, from equilibrium.

    To 5 standard errors and half a percent for the steps: false-alarm rate 6e-7. The traps only
    narrow, so W >= 0 and the average is over bounded numbers. The mean work is well above dF, so
    exp(-<W>) would not pass.
    """
    protocol = CASES[case]
    stiffness = protocol.stairs().parameters[:, 0]
    trajectory = played(protocol, 1 / stiffness[0])
    expected = (stiffness[0] / stiffness[-1]) ** (OSCILLATORS / 2)
    found = np.exp(-trajectory.work)
    error = 5 * found.std() / np.sqrt(COPIES) + 0.005 * expected
    assert abs(found.mean() - expected) < error
    assert expected - np.exp(-trajectory.work.mean()) > 3 * error


def test_heat_of_equilibration_is_half_a_degree_of_freedom_each():
    """From rest, every oscillator takes T/2 from the bath, for any spring.

    To 5 standard errors and one percent for the steps: false-alarm rate 6e-7.
    """
    potential = Potential(lattice(1, OSCILLATORS, 0), ["stiffness"])
    settings = np.stack([potential.vector(stiffness=[3.0, 10.0])] * 2)
    protocol = Protocol(potential, geometric(1, 0.1, 3.0), settings)
    trajectory = played(protocol, 0.0, temperature=2.0)
    error = 5 * trajectory.heat.std() / np.sqrt(COPIES) + 0.02
    assert abs(trajectory.heat.mean() + OSCILLATORS * 2.0 / 2) < error
