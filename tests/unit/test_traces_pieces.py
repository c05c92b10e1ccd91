"""Chunks of datasets, and joining of segments into one array."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oscilab.errors import InvalidInput
from oscilab.traces.hdf5 import MOST_ROWS, OWN_CHUNK, TARGET_CHUNK, chunk_of
from oscilab.traces.lazy import Stack
from oscilab.traces.paths import default_path, next_number, segment_files, segment_folder
from oscilab.traces.pieces import Piece, Pieces
from oscilab.traces.plan import Coding


@given(
    st.lists(st.integers(1, 3000), max_size=3).map(tuple),
    st.sampled_from([1, 2, 4, 8]),
)
def test_a_large_row_has_its_own_chunk_and_small_ones_share_one(
    tail: tuple[int, ...], itemsize: int
) -> None:
    chunk = chunk_of(tail, itemsize)
    size = int(np.prod(chunk)) * itemsize
    assert size <= TARGET_CHUNK
    assert all(1 <= taken <= length for taken, length in zip(chunk[1:], tail, strict=True))
    if chunk[0] < MOST_ROWS:
        assert size > TARGET_CHUNK - OWN_CHUNK or chunk[0] == 1


@given(st.data())
def test_a_stack_reads_what_the_joined_array_would(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    whole = np.arange(3 * sum(lengths)).reshape(-1, 3)
    ends = np.cumsum(lengths)
    blocks = [whole[end - length : end] for length, end in zip(lengths, ends.tolist(), strict=True)]
    with h5py.File("pieces.h5", "w", driver="core", backing_store=False) as file:
        parts = []
        for number, block in enumerate(blocks):
            # Rows after the valid ones.
            padded = np.concatenate([block, np.full((2, 3), -1)])
            parts.append(Piece(file.create_dataset(str(number), data=padded), len(block)))
        kept = tuple(part for part in parts if part.rows)
        stack = Stack(Pieces(parts[0].dataset, kept, whole.shape))
        bound = st.none() | st.integers(-12, 12)
        start, stop = data.draw(bound), data.draw(bound)
        rows = slice(start, stop, data.draw(st.integers(1, 4)))
        columns = data.draw(st.sampled_from([slice(None), slice(1, 3), 2]))
        np.testing.assert_array_equal(stack.read((rows, columns)), whole[rows, columns])
        if len(whole):
            row = data.draw(st.integers(0, len(whole) - 1))
            np.testing.assert_array_equal(stack.read((row, columns)), whole[row, columns])


def test_a_segment_never_gets_a_number_that_is_taken(tmp_path: Path) -> None:
    run = tmp_path / "run.v2.h5"
    assert segment_folder(run) == tmp_path / "run.v2.segments"
    assert next_number(run, 3) == 4
    segment_folder(run).mkdir()
    for name in ("0007.h5", "0009.h5.part", "0011.h5.part.new", "result.h5"):
        (segment_folder(run) / name).touch()
    assert [each.name for each in segment_files(segment_folder(run))] == ["0007.h5", "0009.h5.part"]
    assert next_number(run, 3) == 10
    assert next_number(run, 20) == 21


def test_a_run_is_named_by_experiment_and_time() -> None:
    path = default_path("digits")
    assert path.parent == Path("runs")
    assert path.name.startswith("digits-20")
    assert path.suffix == ".h5"
    assert ":" not in path.name


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_coding_without_a_scale_is_refused(scale: float) -> None:
    with pytest.raises(InvalidInput, match="keeps nothing"):
        Coding(scale)
