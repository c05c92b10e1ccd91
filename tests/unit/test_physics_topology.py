"""Neighbourhoods against a direct count, edge lists from files, gates."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from oscilab.errors import InvalidInput
from oscilab.physics import Topology, all_to_all, from_edges, from_file, lattice


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 1), (3, 7), (6, 6)])
@pytest.mark.parametrize("squared", [0, 1, 2, 4, 5, 2.3**2, 4.3**2, 100])
def test_a_lattice_couples_all_within_its_radius(size, squared):
    rows, columns = size
    found = lattice(rows, columns, math.sqrt(squared))
    expected = []
    for i in range(rows * columns):
        for j in range(i + 1, rows * columns):
            down, across = j // columns - i // columns, j % columns - i % columns
            if down**2 + across**2 <= squared + 1e-9:
                expected.append([i, j])
    assert found.edges.tolist() == expected
    assert (found.oscillators, found.shape) == (rows * columns, size)


def test_a_rounded_radius_reaches_the_neighbour_it_means():
    assert len(lattice(2, 2, 1.4142).edges) == 6
    assert len(lattice(2, 2, 1.41).edges) == 4
    assert len(lattice(3, 3, 2.236).edges) == len(lattice(3, 3, math.sqrt(5)).edges)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (4, 5)])
def test_all_to_all_couples_every_pair_once(size):
    found = all_to_all(*size)
    n = size[0] * size[1]
    assert found.edges.tolist() == [[i, j] for i in range(n) for j in range(i + 1, n)]
    assert (found.oscillators, found.shape) == (n, size)


def test_edges_may_come_in_any_order():
    found = from_edges([[3, 1], [0, 2], [0, 1]], 4, (2, 2))
    assert found.edges.tolist() == [[0, 1], [0, 2], [1, 3]]
    assert found.edges.dtype == np.int64
    assert found.shape == (2, 2)
    assert from_edges([[0, 1]], 4).shape == (4, 1)


def test_arcs_are_both_orders_of_every_edge():
    found = from_edges([[2, 1], [0, 1]], 3).arcs
    assert sorted(found.tolist()) == [[0, 1], [1, 0], [1, 2], [2, 1]]


def test_gates_act_on_each_oscillator_once():
    gates = [[4, 1, 2], [0, 1, 2], [4, 3, 1]]
    found = replace(lattice(1, 5, 1), gates=np.array(gates))
    assert found.gates.tolist() == gates
    assert found.gate_sites.tolist() == [[0, 1], [0, 2], [4, 1], [4, 2], [4, 3]]


def test_no_gates_act_on_nothing():
    found = lattice(2, 2, 1)
    assert found.gates.shape == (0, 3)
    assert found.gate_sites.shape == (0, 2)


def test_one_oscillator_has_no_edges():
    assert all_to_all(1).edges.shape == all_to_all(1).arcs.shape == (0, 2)


def test_a_callers_arrays_are_not_shared():
    edges, gates = np.array([[0, 1], [1, 2]]), np.array([[0, 1, 2]], np.int32)
    found = Topology("line", 3, edges, (3, 1), gates)
    edges[:] = gates[:] = 0
    assert found.edges.tolist() == [[0, 1], [1, 2]]
    assert found.gates.tolist() == [[0, 1, 2]]
    assert found.gates.dtype == np.int64


def test_a_list_of_no_edges():
    assert from_edges(np.zeros((0, 2)), 3).edges.shape == (0, 2)


FILE = """\
# a ring of four
0,1
 2 , 1   # spaces, and either order

\t
2,3
0,3#closed
"""


def file_of(tmp_path, text, name="ring.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_an_edge_list_from_a_file(tmp_path):
    path = file_of(tmp_path, FILE)
    for given in (path, str(path)):
        found = from_file(given, 4, (2, 2))
        assert found.edges.tolist() == [[0, 1], [0, 3], [1, 2], [2, 3]]
        assert found.shape == (2, 2)
        assert found.name == "edge list ring.csv"


@pytest.mark.parametrize(
    "text", [b"\xef\xbb\xbf0,1\r\n1,2\r\n", b"0,1\n1,2", b"0,1\r\n\r\n1,2\r\n# end"]
)
def test_line_ends_and_byte_order_marks_are_no_mistake(tmp_path, text):
    assert from_file(file_of(tmp_path, text), 3).edges.tolist() == [[0, 1], [1, 2]]


def test_a_file_without_edges_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="names no edge; write one a line"):
        from_file(file_of(tmp_path, "# nothing\n"), 3)


@pytest.mark.parametrize(
    "line", ["0", "0 1", "0,1,2", "0,one", "0,1.5", ",", "0;1", '"0', "0x1,2", "nan,1"]
)
def test_a_line_that_is_no_edge_is_named_with_its_number(tmp_path, line):
    path = file_of(tmp_path, f"# first\n\n0,1\n{line}\n1,2\n")
    with pytest.raises(InvalidInput) as caught:
        from_file(path, 4)
    assert str(caught.value) == (
        f"edge list {path}, line 4: {line!r} is not two oscillator numbers; write one edge a line "
        "as i,j"
    )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("0,1\n\n2,4", "ring.csv, line 3: there is no oscillator 4; use 0 to 3"),
        ("0,1\n-1,2", "ring.csv, line 2: there is no oscillator -1; use 0 to 3"),
        ("99999999999999999999,2", "line 1: there is no oscillator 99999999999999999999; use 0"),
        ("0,1\n2,2", "edges of edge list ring.csv join an oscillator to itself in [2, 2]"),
        ("0,1\n2,3\n1,0", "edges of edge list ring.csv hold [0, 1] more than once; keep one"),
        ("2,3\n2,3", "edges of edge list ring.csv hold [2, 3] more than once; keep one"),
    ],
)
def test_edges_that_cannot_be(tmp_path, lines, words):
    with pytest.raises(InvalidInput) as caught:
        from_file(file_of(tmp_path, lines), 4)
    assert words in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    missing = tmp_path / "gone.csv"
    with pytest.raises(InvalidInput) as caught:
        from_file(missing, 4)
    assert str(caught.value) == (
        f"edge list {missing} cannot be read: No such file or directory; check its path"
    )
    with pytest.raises(InvalidInput, match=r"edge list .* cannot be read: .*; check its path"):
        from_file(tmp_path, 4)
    other = file_of(tmp_path, "0,1 # Kräfte".encode("latin-1"))
    with pytest.raises(InvalidInput, match=r"ring.csv is not UTF-8; save it as UTF-8"):
        from_file(other, 4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: lattice(0, 3, 1), "an array of 0 x 3 has no oscillators; use 1 x 1 or more"),
        (lambda: all_to_all(2, 0), "an array of 2 x 0 has no oscillators"),
        (lambda: lattice(2, 2, -0.5), "lattice radius -0.5 must be zero or more"),
        (lambda: lattice(2, 2, math.nan), "lattice radius nan must be zero or more"),
        (lambda: from_edges([[0, 1]], 6, (2, 2)), "laid out as 2 x 2, which is not its 6 osc"),
        (lambda: from_edges([[0, 1]], 6, (-2, -3)), "an array of -2 x -3 has no oscillators"),
        (lambda: from_edges([[0, 1, 2]], 4), "must have shape [n, 2], not (1, 3)"),
        (lambda: from_edges([0, 1], 4), "must have shape [n, 2], not (2,)"),
        (lambda: from_edges([[0, 1.5]], 4), "are float64 values; give whole oscillator numbers"),
        (lambda: from_edges([[0, 4]], 4), "edges of edge list name oscillator 4, outside 0 to 3"),
        (lambda: from_edges([[0, -1]], 4), "name oscillator -1, outside 0 to 3; count from zero"),
        (lambda: gated([[0, 1, 4]]), "gates of line name oscillator 4, outside 0 to 3"),
        (lambda: gated([[0, 1, 1]]), "gates of line join an oscillator to itself in [0, 1, 1]"),
        (lambda: gated([[1, 0, 1]]), "gates of line join an oscillator to itself in [1, 0, 1]"),
        (lambda: gated([[0, 1]]), "gates of line must have shape [n, 3], not (1, 2)"),
        (lambda: gated([[0, 1, 2], [0, 2, 1]]), "gates of line hold [0, 1, 2] more than once"),
    ],
)
def test_topologies_that_cannot_be(make, words):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert words in str(caught.value)


def gated(gates):
    return Topology("line", 4, np.array([[0, 1]]), (4, 1), np.array(gates))


def test_an_oscillator_may_gate_several_couplings_and_be_gated():
    assert gated([[0, 1, 2], [1, 0, 2], [0, 2, 3]]).gates.shape == (3, 3)
