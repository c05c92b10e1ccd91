"""Summaries of runs, without reading their data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from oscilab.errors import InvalidInput
from oscilab.traces import hdf5
from oscilab.traces.extent import Extent
from oscilab.traces.paths import (
    ballast_path,
    name_now,
    result_path,
    segment_files,
    segment_folder,
)
from oscilab.traces.run import Run, open_run


@dataclass(frozen=True)
class Summary:
    """One run in a list; `bytes` is the size of all its files."""

    path: Path
    status: str
    kind: str
    title: str
    batches: int
    started: str
    bytes: int


def summary(run: Run) -> Summary:
    """Return the summary of a run."""
    head = run.sources[0].entry
    return Summary(
        path=run.path,
        status=run.status,
        kind=run.kind,
        title=hdf5.read_text(head["title"]),
        batches=run.n_committed,
        started=hdf5.read_text(head["start_time"])[:19].replace("T", " "),
        bytes=size_of(run.path),
    )


def size_of(path: Path) -> int:
    """Return the size in bytes of a run's file and of the files beside it."""
    parts = [path, *segment_files(segment_folder(path)), result_path(path), ballast_path(path)]
    return sum(map(_size, parts))


def _size(path: Path) -> int:
    try:
        return name_now(path).stat().st_size
    except OSError:
        # It does not exist, or was joined just now.
        return 0


def runs_in(folder: Path) -> tuple[list[Summary], list[str]]:
    """Return the runs in a folder, oldest first, and the errors of those that cannot be read.

    Raises:
        InvalidInput: there is no such folder.
    """
    if not folder.is_dir():
        raise InvalidInput(f"there is no folder {folder}; name one that holds run files")
    found: list[Summary] = []
    unreadable: list[str] = []
    for path in sorted(folder.glob("*.h5")):
        try:
            with open_run(path) as run:
                found.append(summary(run))
        except InvalidInput as error:
            unreadable.append(str(error))
    return sorted(found, key=lambda each: each.started), unreadable


def facts(run: Run) -> dict[str, str]:
    """Return names and values that describe a run."""
    head, last = run.sources[0].entry, run.sources[-1].entry
    provenance, extent = run.provenance, run.extent
    line = summary(run)
    device = f"{provenance.identity.name} ({provenance.identity.kind})"
    if provenance.identity.serial:
        device += f", serial {provenance.identity.serial}"
    found = {
        "status": line.status,
        "kind": line.kind,
        "title": line.title,
        "started": line.started + " UTC",
        "ended": hdf5.read_text(last["end_time"])[:19].replace("T", " "),
        "data": "simulated" if provenance.simulated else "measured",
        "device": device,
        "array": hdf5.read_text(head["array/topology"]),
        "parameters": _parameters(head),
        "batches": _batches(run, extent),
        "readings": _readings(head, extent),
        "checkpoints": str(extent.total("history")) if "history" in head else "",
        "copies played": str(extent.total("trajectory") or ""),
        "files": _files(run, line.bytes),
        "bench": provenance.bench_hash,
        "calibration": provenance.calibration_hash,
        "faults": provenance.faults,
        "parent": provenance.parent,
        "note": provenance.note,
        "commit": provenance.git_commit,
        "versions": ", ".join(f"{name} {value}" for name, value in provenance.versions.items()),
    }
    return {name: value for name, value in found.items() if value.strip()}


def _parameters(head: Any) -> str:
    terms = ", ".join(name.decode("utf-8") for name in head["array/terms"][:])
    return f"{head['parameter'].shape[0]} ({terms}) at {head['node'].shape[0]} nodes"


def _batches(run: Run, extent: Extent) -> str:
    for place in reversed(range(len(run.sources))):
        rows = extent.rows("training", place)
        if rows:
            training = run.sources[place].entry["training"]
            return (
                f"{extent.total('training')}, to step {int(training['step'][rows - 1])} after "
                f"{float(training['elapsed'][rows - 1]):.1f} s"
            )
    return ""


def _readings(head: Any, extent: Extent) -> str:
    if "readings" not in head:
        return ""
    group = head["readings"]
    every = int(group["log_every"][()])
    names = hdf5.decoded_list(group.attrs["quantities"])
    which = "every batch" if every == 1 else f"one batch of {every}"
    shots = group["shot"].shape[0]
    return f"{extent.total('readings')} of {shots} points ({', '.join(names)}), {which}"


def _files(run: Run, size: int) -> str:
    states = [source.state for source in run.sources]
    torn = f", {states.count('torn')} torn" if "torn" in states else ""
    count = f"{len(states)} segments{torn}" if len(states) > 1 else f"1 file{torn}"
    return f"{human(size)} in {count}"


def human(size: float) -> str:
    """Return a size with its unit: B, kB, MB or GB."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one, with keys joined by dots."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found.update(flat(cast("Mapping[str, Any]", value), f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found
