"""The valid parts of a dataset, from all segments of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from oscilab.traces.extent import Extent
from oscilab.traces.source import Source


@dataclass(frozen=True, eq=False)
class Piece:
    """The first `rows` rows of an h5py dataset."""

    dataset: Any
    rows: int


@dataclass(frozen=True, eq=False)
class Pieces:
    """The valid parts of a dataset in order, and the shape of the whole.

    `like` is one of the datasets; `parts` may be empty.
    """

    like: Any
    parts: tuple[Piece, ...]
    shape: tuple[int, ...]


def pieces_of(item: Any, sources: Sequence[Source], extent: Extent) -> Pieces:
    """Return the valid rows of dataset `item` of the first segment, from all segments."""
    path = item.name.removeprefix("/entry/")
    group = "trajectory" if path.endswith("copy") else path.partition("/")[0]
    if not sources or group == "result":
        return _whole(item)
    if item.maxshape[:1] != (None,):
        newest = group in ("protocol", "checkpoint")
        return _whole(_newest(sources, group, path, item) if newest else item)
    places = [place for place in range(len(sources)) if extent.rows(group, place)]
    datasets = [(sources[place].entry[path], extent.rows(group, place)) for place in places]
    if path == "trajectory/time":
        # The same instants for every copy.
        return _whole(datasets[-1][0]) if datasets else Pieces(item, (), (0,))
    parts = tuple(Piece(dataset, rows) for dataset, rows in datasets)
    tail = parts[-1].dataset.shape[1:] if parts else _unfilled(item)
    return Pieces(item, parts, (sum(part.rows for part in parts), *tail))


def _whole(dataset: Any) -> Pieces:
    rows: tuple[int, ...] = dataset.shape[:1]
    return Pieces(dataset, (Piece(dataset, next(iter(rows), 1)),), dataset.shape)


def _unfilled(item: Any) -> tuple[int, ...]:
    # A trajectory that was being written may have instants but no copies yet.
    pairs = zip(item.shape[1:], item.maxshape[1:], strict=True)
    return tuple(0 if most is None else length for length, most in pairs)


def _newest(sources: Sequence[Source], group: str, path: str, item: Any) -> Any:
    marker = {"protocol": "written", "checkpoint": "current"}[group]
    for source in reversed(sources):
        mark = int(source.entry[group][marker][()])
        if mark >= 0 and (group == "checkpoint" or mark):
            return source.entry[path]
    return item
