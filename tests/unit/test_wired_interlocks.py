import numpy as np
import pytest
from wired_benches import opened, pair

from oscilab.errors import InterlockTripped, InvalidInput
from oscilab.wired import parts_of

DOOR = {"door": {"channel": "di0", "level": 1}}
COOLING = {"cooling": {"channel": "aux0", "below": 4.5, "above": -1.0}}


def events(*entries):
    return {
        "events": [dict(zip(("channel", "at_s", "volts"), each, strict=True)) for each in entries]
    }


def theta_of(array):
    return array.description.potential.vector(stiffness=2.0)


def test_a_level_that_forbids_refuses_the_start_and_nothing_is_driven():
    array = opened(pair(interlocks=DOOR, connection=events(("di0", 0.0, 0.0))))
    board = array.wired.front_end.board
    for _ in range(2):
        with pytest.raises(InterlockTripped, match="interlock door on di0 reads 0, but must be at"):
            array.measure_forces(theta_of(array), [[0.0, 0.0]])
    assert board.writes == 0


@pytest.mark.parametrize("volts", [4.5, 9.0, -1.0, np.nan])
def test_an_analog_bound_counts_and_what_is_not_a_number_trips(volts):
    connection = events(("aux0", 0.0, 0.0))
    array = opened(pair(interlocks=COOLING, connection=connection))
    array.measure_forces(theta_of(array), [[1.0, 0.0]])
    array.wired.front_end.board.outside["aux0"].volts = volts
    array.wired.front_end.board.outside["aux0"].events.clear()
    with pytest.raises(InterlockTripped, match="cooling on aux0"):
        array.measure_forces(theta_of(array), [[1.0, 0.0]])


def test_a_trip_within_a_waveform_stops_it_and_leaves_outputs_safe():
    array = opened(pair(interlocks=DOOR, connection=events(("di0", 0.05, 0.0))))
    board = array.wired.front_end.board
    with pytest.raises(InterlockTripped, match="resume"):
        array.relax(theta_of(array), np.ones((100, 2)), 0.2)
    assert board.seconds > 0.05
    np.testing.assert_array_equal(board.levels, array.drive.limits.safe)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            {"door": {"channel": "di9", "level": 1}},
            "pair.interlocks: door.channel: the front end has no input 'di9'",
        ),
        ({"door": {"channel": "di0"}}, "give either level"),
        ({"door": {"channel": "di0", "level": 1, "below": 2.0}}, "give either level"),
        ({"door": {"channel": "di0", "lvel": 1}}, "did you mean 'level'?"),
    ],
)
def test_interlocks_that_cannot_be(table, words):
    with pytest.raises(InvalidInput) as caught:
        parts_of(pair(interlocks=table))
    assert words in str(caught.value)
