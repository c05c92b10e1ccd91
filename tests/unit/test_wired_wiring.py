import pytest
from wired_benches import opened, pair

from oscilab.errors import InvalidInput
from oscilab.wired import parts_of
from oscilab.wired.wiring import in_order, read_csv, wire

LINES = """\
channel,target
# drive lines
ao0,bias[0]
ao1,bias[1]
ao2,stiffness[0]
ao3,stiffness[1]
ao4,quartic[0]
ao5,quartic[1]
ao6,"coupling[0, 1]"   # a comma needs quotes
ao8,clamp[0]
ao7,clamp[1]
do0,clamp_enable
ai0,position[0]
ai1,position[1]
ai3,force[0]
ai2,force[1]
"""


@pytest.fixture
def parts(tmp_path):
    def build(text=LINES):
        (tmp_path / "w.csv").write_text(text)
        return parts_of(pair(tmp_path, wiring="w.csv"))

    return build


def test_a_csv_file(parts):
    wiring = parts().wiring
    assert wiring.parameters["coupling[0,1]"] == "ao6"
    assert wiring.clamps == ("ao8", "ao7")
    assert wiring.enables == ("do0",)
    assert wiring.positions == ("ai0", "ai1")
    assert wiring.forces == ("ai3", "ai2")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ao1,bias[1]\n", "", "names no channel for bias[1]"),
        ("ao8,clamp[0]\n", "", "names no channel for clamp[0]"),
        ("do0,clamp_enable\n", "", "names no channel for clamp_enable[0]"),
        ("ai1,position[1]\n", "", "names no channel for position[1]"),
        ("ai3,force[0]\n", "", "names no channel for force[0]"),
        ("ao1,bias[1]", "ao1,bias[0]", "line 4: bias[0] is wired to ao0 already"),
        ("ao1,bias[1]", "ao0,bias[1]", "line 4: channel ao0 is wired to bias[0] already"),
        ("ao1,bias[1]", "ao1,bais[1]", "line 4: unknown target 'bais[1]'"),
        ("ao1,bias[1]", "ao1,bias[2]", "line 4: unknown target 'bias[2]'; such as: bias[0]"),
        ("ao1,bias[1]", "ao77,bias[1]", "line 4: the front end has no channel 'ao77'"),
        ("ao1,bias[1]", "ai1,bias[1]", "line 4: bias[1] needs an analog output, but ai1"),
        ("do0,", "ao0,", "channel ao0 is wired to bias[0] already"),
        ("ao1,bias[1]", "ao1", "line 4: 'ao1' is not a channel and a target"),
        ('"coupling[0, 1]"', "coupling[0,1]", "line 9: "),
    ],
)
def test_each_mistake_names_its_line(parts, old, new, words):
    assert old in LINES
    with pytest.raises(InvalidInput) as caught:
        parts(LINES.replace(old, new, 1))
    assert words in str(caught.value)


def test_inline_forms_say_the_same(parts, tmp_path):
    rows = [(row.channel, row.target) for row in read_csv_of(tmp_path, LINES)]
    table = dict(rows)
    listed = [{"channel": channel, "target": target} for channel, target in rows]
    expected = parts().wiring.targets
    assert parts_of(pair(wiring=table)).wiring.targets == expected
    assert parts_of(pair(wiring=listed)).wiring.targets == expected


def test_in_order_takes_channels_as_they_come():
    parts = parts_of(pair())
    rows = in_order(parts.potential, parts.front_end.channels)
    wiring = wire(rows, parts.potential, parts.front_end.channels)
    assert wiring.parameters["bias[0]"] == "ao0"
    assert wiring.clamps == ("ao7", "ao8")
    assert wiring.forces == ("ai2", "ai3")


def test_forces_may_be_missing_altogether(parts):
    from oscilab.arrays import Capability

    text = LINES.replace("ai3,force[0]\nai2,force[1]\n", "")
    assert parts(text).wiring.forces == ()
    array = opened(pair(wiring={row.channel: row.target for row in rows_of(text)}))
    assert Capability.FORCE_READOUT not in array.description.capabilities


def test_a_wiring_crossed_at_the_board_is_seen_as_crossed_readings(tmp_path):
    """The board's own plugs follow the bench, so only a swap on the board shows."""
    import numpy as np

    swapped = {"imperfections": {"swapped": [["ai0", "ai1"]]}}
    array = opened(pair(connection=swapped))
    theta = array.description.potential.vector(stiffness=1.0)
    reading = array.measure_forces(theta, [[0.5, -1.5]])
    np.testing.assert_allclose(reading.positions, [[-1.5, 0.5]])


def read_csv_of(folder, text):
    (folder / "rows.csv").write_text(text)
    return read_csv(folder / "rows.csv")


def rows_of(text):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        return read_csv_of(Path(folder), text)
