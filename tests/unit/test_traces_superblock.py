"""The superblock of an open file, corrected as HDF5 would write it."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
import pytest

from oscilab.errors import InvalidInput
from oscilab.traces.superblock import CHECKED, SIZE, lookup3, read_superblock
from oscilab.traces.view import ClosedView, open_view


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", 0xDEADBEEF),
        (b"Four score and seven years ago", 0x17770551),
    ],
)
def test_lookup3_gives_its_author_s_own_values(data: bytes, value: int) -> None:
    """The self-test of lookup3.c prints these two values for start value 0."""
    assert lookup3(data) == value


@pytest.mark.parametrize("version", ["v110", "latest", "v108"])
def test_the_checksum_is_the_one_that_hdf5_writes(tmp_path: Path, version: str) -> None:
    path = tmp_path / "file.h5"
    with h5py.File(path, "w", libver=(version, version)) as file:
        file["x"] = np.arange(5)
    block = read_superblock(path)
    assert block.version in (2, 3)
    assert lookup3(block.data[:CHECKED]) == int.from_bytes(block.data[CHECKED:SIZE], "little")
    assert not block.is_open
    assert block.closed(block.length) == block.data


def test_an_open_file_becomes_the_closed_one(tmp_path: Path) -> None:
    path, copy = tmp_path / "file.h5", tmp_path / "copy.h5"
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        growing = file.create_dataset("x", (0,), "f8", maxshape=(None,), chunks=(100,))
        file.swmr_mode = True
        growing.resize((50,))
        growing[:] = np.arange(50)
        file.flush()
        copy.write_bytes(path.read_bytes())
    assert read_superblock(copy).is_open
    with pytest.raises(OSError, match="already open for write"):
        h5py.File(copy, "r")
    before = copy.read_bytes()
    with open_view(copy) as view:
        assert view["x"][:].tolist() == list(range(50))
    assert copy.read_bytes() == before


def test_a_view_differs_from_its_file_in_the_superblock_alone(tmp_path: Path) -> None:
    path = tmp_path / "file.h5"
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        file["x"] = np.arange(1000)
        file.flush()
        data = path.read_bytes()
    copy = tmp_path / "copy.h5"
    copy.write_bytes(data)
    with ClosedView(copy) as view:
        whole = view.read()
        assert len(whole) == len(data)
        assert whole[SIZE:] == data[SIZE:]
        for start, count in ((0, 5), (3, 60), (44, 10), (100, 7)):
            view.seek(start)
            assert view.tell() == start
            assert view.read(count) == whole[start : start + count]
        view.seek(-4, io.SEEK_END)
        assert view.read() == data[-4:]


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n", b"not HDF5 at all" * 10])
def test_what_is_no_hdf5_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.h5"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="is not an HDF5 file"):
        read_superblock(path)
