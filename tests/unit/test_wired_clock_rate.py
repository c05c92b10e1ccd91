"""What a clock that cannot have every rate does to times: they are those that really passed."""

import numpy as np
import pytest
from wired_benches import opened, pair

from oscilab.physics import Noising, geometric
from oscilab.physics.protocol import Protocol, noising_parameters
from oscilab.wired import Samples

FASTER = 1.01
"""NI-DAQmx takes the next faster division of its timebase: up to 1 % at 1 MHz."""


@pytest.fixture
def array(monkeypatch):
    """A pair of oscillators on a board whose clock is 1 % faster than it is asked to be."""
    # 0.03 s, room for one copy of a playback: several waveforms follow each other.
    found = opened(pair(settings={"rate_hz": 1e5, "longest_s": 0.03}))
    front_end = found.wired.front_end
    exchange = front_end.exchange

    def rounded(waveform, rate_hz, inputs, read):
        samples = exchange(waveform, rate_hz * FASTER, inputs, read)
        return Samples(samples.volts, rate_hz * FASTER)

    monkeypatch.setattr(front_end, "exchange", rounded)
    yield found
    found.close()


def test_a_release_lasts_as_long_as_its_clock_made_it(array):
    """A spring of 20 leaves exp(-20 t) of a start of 3; read in kT = 1, to 5 standard errors.

    4000 points, spread sqrt((1 - exp(-40 t)) / 20) each: false alarms 6e-7. The time asked for
    would be wrong by 0.01 of 0.05, ten standard errors.
    """
    theta = array.description.potential.vector(stiffness=20.0)
    found = array.relax(theta, np.full((4000, 2), 3.0), 0.05)
    assert found.duration == pytest.approx(0.05 / FASTER, rel=1e-12)
    left = found.end.mean() / found.start.mean()
    # The board's own scheme: (1 - k dt)^n, with k dt of at most 0.02, is 1 % of k t at most.
    error = 5 * np.sqrt((1 - np.exp(-40 * found.duration)) / 20 / 8000) / 3
    assert abs(np.log(left) + 20 * found.duration) < error / left + 0.01 * 20 * found.duration


@pytest.mark.parametrize("initial", [None, np.ones((3, 2))])
def test_instants_of_a_playback_are_those_of_its_clock(array, initial):
    potential = array.description.potential
    schedule = geometric(3, 0.1, 2.0)
    setting = noising_parameters(potential)
    protocol = Protocol(potential, schedule, np.tile(setting, (len(schedule.nodes), 1)), Noising())
    copies = 3 if initial is None else None
    played = array.play(protocol, copies=copies, initial=initial, record_every=0.25)
    expected = np.append(np.arange(0.0, protocol.duration, 0.25), protocol.duration) / FASTER
    np.testing.assert_allclose(played.times, expected, rtol=1e-12)
    assert played.positions.shape == (3, len(expected), 2)
