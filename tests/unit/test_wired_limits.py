import numpy as np
import pytest
from wired_benches import PAIR, opened, pair

from oscilab.errors import InvalidInput, OutOfLimits
from oscilab.wired import Waveform, parts_of

OUTPUTS = PAIR["limits"]["outputs"]
ENABLE = PAIR["limits"]["clamp_enable"]


@pytest.fixture
def limits():
    return parts_of(pair()).limits


def refused_bench(limits):
    with pytest.raises(InvalidInput) as caught:
        parts_of(pair(limits=limits))
    return str(caught.value)


def test_the_more_specific_counts():
    wide = {"range": [-10, 10], "slew": 100, "safe": 0}
    table = {
        "outputs": wide,
        "bias": {**wide, "range": [-1, 1]},
        "ao1": {**wide, "slew": 5},
        "do0": {"safe": False},
    }
    limits = parts_of(pair(limits=table)).limits
    assert limits.upper.tolist()[:4] == [1, 10, 10, 10]
    assert limits.slew.tolist()[:2] == [100, 5]
    assert limits.safe[-1] == 0


def test_every_output_needs_limits():
    assert "output do0, which drives clamp_enable, has no limits" in refused_bench(
        {"outputs": OUTPUTS}
    )
    assert "output ao0, which drives bias[0], has no limits" in refused_bench(
        {"clamp": OUTPUTS, "clamp_enable": ENABLE}
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"range": [0, 0]}, "the range 0 to 0 is empty"),
        ({"safe": 11.0}, "the safe value 11 is outside -10 to 10"),
        ({"slew": 0}, "slew is 0, but must be greater than 0"),
        ({"slew": float("nan")}, "slew is nan"),
        ({"range": [-20, 20]}, "exceeds the -10 to 10 V"),
        ({"slue": 3}, "did you mean 'slew'?"),
    ],
)
def test_limits_that_cannot_be(change, words):
    assert words in refused_bench({"outputs": {**OUTPUTS, **change}, "clamp_enable": ENABLE})


def test_keys_that_name_nothing():
    message = refused_bench({"outputs": OUTPUTS, "clamp_enable": ENABLE, "ao99": OUTPUTS})
    assert "limits name 'ao99'" in message


@pytest.mark.parametrize("volts", [np.nan, np.inf, -np.inf, 10.001, -10.001])
def test_any_bad_sample_of_a_waveform_is_refused_with_its_channel(limits, volts):
    levels = np.zeros((2, 50))
    levels[1, 37] = volts
    with pytest.raises(OutOfLimits, match=r"output ao3 was to be put at .*-10 to 10 V"):
        limits.check_waveform(
            Waveform(np.array([2, 3]), levels, np.ones(50, int)), np.zeros(10), 1e9
        )


def test_a_switch_has_two_levels(limits):
    with pytest.raises(OutOfLimits, match="do0"):
        limits.check_levels(Waveform(np.array([9]), np.array([[0.5]]), np.ones(1, int)))


def test_changes_are_refused_at_the_start_within_and_between_repeats(limits):
    lines, samples = np.array([0]), np.ones(3, int)
    rate = 1e6
    limits.check_waveform(Waveform(lines, np.array([[1.0, 0, 1]]), samples, 3), np.zeros(10), rate)
    for levels, start, repeats in (
        ([[1.0, 2.0, 3.0]], -1.0, 1),
        ([[1.0, 2.5, 3.0]], 0.0, 1),
        ([[1.0, 2.0, 3.0]], 0.0, 2),
    ):
        outputs = np.full(10, start)
        with pytest.raises(OutOfLimits, match=r"ao0 was to change at .* slew limit of 1e\+06 V/s"):
            limits.check_waveform(
                Waveform(lines, np.array(levels), samples, repeats), outputs, rate
            )


def test_design_scale_fits_a_whole_range_into_narrow_limits():
    table = {
        "outputs": OUTPUTS,
        "stiffness": {**OUTPUTS, "range": [-5.0, 10.0]},
        "clamp_enable": ENABLE,
    }
    array = opened(pair(limits=table))
    where = array.description.potential.family("stiffness").where
    low = array.description.box.lower[where]
    # A scale that serves both ends of -200 to 200 has 5 V for 200.
    np.testing.assert_allclose(low, -200, rtol=1e-6)
    np.testing.assert_allclose(array.description.box.upper[where], 200, rtol=1e-6)


def test_the_board_never_sees_more_than_the_limits_allow():
    table = {"outputs": {**OUTPUTS, "slew": 2e4}, "clamp_enable": ENABLE}
    array = opened(pair(limits=table))
    board = array.wired.front_end.board
    rng = np.random.default_rng(0)
    theta = array.description.potential.vector(stiffness=50.0, bias=[20.0, -30.0])
    array.measure_forces(theta, rng.uniform(-5, 5, (20, 2)))
    array.relax(-theta + 2 * abs(theta), rng.uniform(-5, 5, (5, 2)), 0.1)
    array.make_safe()
    analog = np.isfinite(array.drive.limits.slew)
    assert board.fastest[analog].max() <= 2e4 * (1 + 1e-6)
    assert board.fastest[analog].max() > 1e4
    np.testing.assert_array_equal(board.levels, array.drive.limits.safe)


def test_a_protocol_whose_ramps_do_not_fit_is_refused_before_it_starts():
    from oscilab.physics import Protocol, geometric

    table = {"outputs": {**OUTPUTS, "slew": 100.0}, "clamp_enable": ENABLE}
    array = opened(pair(limits=table))
    potential = array.description.potential
    soft, hard = (potential.vector(stiffness=k) for k in (1.0, 150.0))
    protocol = Protocol(potential, geometric(2, 0.01, 0.04), np.stack([soft, hard, soft]))
    with pytest.raises(OutOfLimits, match=r"ramp into step \d .* takes .* but the step lasts"):
        array.play(protocol, copies=2)
