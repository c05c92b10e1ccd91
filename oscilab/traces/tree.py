"""Present a run as a lazy xarray.DataTree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from oscilab.traces.extent import Extent
from oscilab.traces.lazy import Stack
from oscilab.traces.lazy_state import LiveState
from oscilab.traces.pieces import pieces_of
from oscilab.traces.probe import STREAMS
from oscilab.traces.source import Source
from oscilab.traces.state import source_of_state

if TYPE_CHECKING:
    import xarray

NOT_FOR_READERS = {"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "NX_class", "target"}
COUNTS = {f"/entry/{stream}/n_committed": stream for stream in STREAMS}
BARE_SCALE = "This is a netCDF dimension but not a netCDF variable"


def build_tree(
    sources: Sequence[Source], extent: Extent, extra: Mapping[str, Any]
) -> xarray.DataTree:
    """Return all groups of the run, and `extra` groups by path, such as the results."""
    import xarray

    found: dict[str, Any] = {}
    _collect(sources[0].entry, "", _Run(sources, extent, _live_state(sources)), found)
    for path, group in extra.items():
        _collect(group, path, _Run((), extent, None), found)
    # xarray's annotations are incomplete.
    tree: Any = xarray.DataTree
    return tree.from_dict(found, name="entry")


@dataclass(frozen=True, eq=False)
class _Run:
    sources: Sequence[Source]
    extent: Extent
    state: LiveState | None


def _live_state(sources: Sequence[Source]) -> LiveState | None:
    source = source_of_state(sources)
    return LiveState(source) if source is not None and source.state == "live" else None


def _collect(group: Any, path: str, run: _Run, found: dict[str, xarray.Dataset]) -> None:
    import xarray

    variables: dict[str, Any] = {}
    for name, item in group.items():
        inner = f"{path}/{name}"
        if hasattr(item, "keys"):
            _collect(item, inner, run, found)
        elif not _attribute(item, "NAME").startswith(BARE_SCALE):
            variables[name] = _variable(item, run)
    attributes = {key: _python(value) for key, value in group.attrs.items() if key != "NX_class"}
    dataset = xarray.Dataset(variables, attrs=attributes)
    found[path or "/"] = xarray.decode_cf(dataset, decode_timedelta=False)


def _variable(item: Any, run: _Run) -> Any:
    import xarray
    from xarray.core import indexing

    stack = Stack(pieces_of(item, run.sources, run.extent))
    attributes = {
        key: _python(value) for key, value in item.attrs.items() if key not in NOT_FOR_READERS
    }
    if item.dtype.kind == "S" and not item.shape:
        return xarray.Variable((), item[()].rstrip(b"\0").decode("utf-8"), attributes)
    if item.dtype.kind == "S":
        texts = np.char.decode(stack.read((slice(None),) * item.ndim), "utf-8")
        return xarray.Variable(dims_of(item), texts, attributes)
    stream = COUNTS.get(item.name)
    if stream is not None:
        # Every segment counts its own rows.
        return xarray.Variable((), np.int64(run.extent.total(stream)), attributes)
    if run.state is not None and not item.is_scale and item.name.startswith("/entry/checkpoint/"):
        return xarray.Variable(dims_of(item), run.state.data(item), attributes)
    if not item.shape:
        # Read now: the data that `written` refers to are then in the file when they are read.
        return xarray.Variable((), stack.read(()), attributes)
    if item.name.endswith("/copy"):
        # Every segment counts from zero.
        return xarray.Variable(dims_of(item), np.arange(stack.shape[0]), attributes)
    return xarray.Variable(dims_of(item), indexing.LazilyIndexedArray(stack), attributes)


def dims_of(item: Any) -> tuple[str, ...]:
    """Return the names of an h5py dataset's dimensions."""
    if item.is_scale:
        return (item.name.rsplit("/", 1)[-1],)
    return tuple(dim[0].name.rsplit("/", 1)[-1] for dim in item.dims)


def _attribute(item: Any, name: str) -> str:
    value = _python(item.attrs.get(name, ""))
    return value if isinstance(value, str) else ""


def _python(value: Any) -> Any:
    if isinstance(value, bytes | np.bytes_):
        return bytes(value).rstrip(b"\0").decode("utf-8")
    if isinstance(value, np.ndarray):
        array = cast("NDArray[Any]", value)
        return [_python(each) for each in array.tolist()] if array.dtype.kind in "SO" else array
    return value
