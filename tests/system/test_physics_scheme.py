"""The integrator: its measured order, and relaxation rates."""

from __future__ import annotations

import numpy as np

from oscilab.physics import Potential, all_to_all, lattice
from oscilab_sim.array import SimulatedArray
from oscilab_sim.engine_choice import choose_engine
from oscilab_sim.streams import RandomStreams


def test_weak_order_is_one():
    """The bias of E[x^2] in U = x^2/2 + x^4/8 shrinks as dt^1: its slope in logarithms.

    The force is nonlinear, because the stationary variance of a spring is known to all orders and
    tested elsewhere. 6.4e5 copies are read 20 times, a relaxation time apart, so the standard error
    of the slope is 0.015; at these steps the second order adds 0.07. For a slope from 0.95 to 1.2
    the false-alarm rate is below 1e-6.
    """
    grid = np.linspace(-8, 8, 4001)
    density = np.exp(-(grid**2) / 2 - grid**4 / 8)
    exact = (density * grid**2).sum() / density.sum()
    potential = Potential(lattice(1, 64, 0), ["stiffness", "quartic"])
    theta = potential.vector(stiffness=1.0, quartic=0.5)
    engine = choose_engine("numba", potential, threads=2)
    steps = np.array([0.1, 0.05, 0.025])
    bias = []
    for step in steps:
        moving = engine.release(np.zeros((10000, 64)), RandomStreams(6).next())
        moving.hold(theta, float(step), int(4 / step), temperature=1.0)
        squares = []
        for _ in range(20):
            moving.hold(theta, float(step), int(1 / step), temperature=1.0)
            squares.append(np.square(moving.positions(), dtype=np.float64).mean())
        bias.append(np.mean(squares) - exact)
    order = np.polyfit(np.log(steps), np.log(bias), 1)[0]
    assert 0.95 < order < 1.2


def test_modes_relax_at_their_own_rates():
    """Normal modes of two coupled springs decay as exp(-lambda t), at several times.

    There is no bath, so nothing is random. The scheme's relative error, lambda t f / 2 with
    f = 0.002 for the stiffest mode, is below 0.004.
    """
    potential = Potential(all_to_all(2), ["stiffness", "coupling"])
    theta = potential.vector(stiffness=2.0, coupling=1.5)
    array = SimulatedArray(
        potential, settings=SimulatedArray.Settings(temperature=0.0, step_fraction=0.002)
    )
    modes = np.array([[1.0, 1.0], [1.0, -1.0]])
    for duration in (0.1, 0.5, 1.0):
        end = array.relax(theta, modes, duration).end
        expected = modes * np.exp(-np.array([[3.5], [0.5]]) * duration)
        np.testing.assert_allclose(end, expected, rtol=0.004)


def test_correlations_decay_with_the_relaxation_time():
    """For a spring in equilibrium, <x(0) x(t)> = T/k (1 - k dt)^(t/dt), to 5 standard errors.

    False-alarm rate 2e-6 over the three times.
    """
    stiffness, step, copies = 2.0, 0.02, 40000
    potential = Potential(lattice(1, 2, 0), ["stiffness"])
    theta = potential.vector(stiffness=stiffness)
    engine = choose_engine("numba", potential, threads=1)
    moving = engine.release(np.zeros((copies, 2)), RandomStreams(8).next())
    moving.hold(theta, step, 200, temperature=1.0)
    start = moving.positions().astype(np.float64)
    variance = 1 / (stiffness * (1 - stiffness * step / 2))
    for elapsed in (10, 20, 40):
        before = 0 if elapsed == 10 else elapsed // 2
        moving.hold(theta, step, elapsed - before, temperature=1.0)
        product = (start * moving.positions()).mean()
        decay = (1 - stiffness * step) ** elapsed
        error = variance * np.sqrt((1 + decay**2) / start.size)
        assert abs(product - variance * decay) < 5 * error
