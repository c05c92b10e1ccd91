"""Repair a run that was torn, truncated or left in pieces, by writing one healthy file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oscilab.errors import InvalidInput
from oscilab.traces.durable import drafted
from oscilab.traces.join import join_run
from oscilab.traces.losses import NAMES, losses
from oscilab.traces.merge import write_joined
from oscilab.traces.opening import open_files
from oscilab.traces.paths import segment_folder
from oscilab.traces.probe import STREAMS
from oscilab.traces.run import Run


@dataclass(frozen=True)
class Repaired:
    """The result of a repair: the healthy file, and sentences on what was kept and lost.

    `left` names replaced files that could not be removed. `healthy` means that there was nothing
    to repair.
    """

    path: Path
    kept: list[str]
    lost: list[str]
    left: Sequence[str] = ()
    healthy: bool = False


def repair(path: Path, out: Path | None = None) -> Repaired:
    """Write everything that can be read of a run to one file.

    If no committed data are lost, the file takes the run's name and replaces its pieces. Otherwise,
    or if `out` is given, it is an additional file and the originals stay.

    Raises:
        InvalidInput: the run is being written, nothing of it can be read, `out` exists or cannot be
            written, or the pieces cannot be joined.
    """
    with Run(open_files(path, salvage=True)) as run:
        status = run.status
        if status == "running":
            raise InvalidInput(f"run {path} is being written; wait, or stop its writer")
        kept, lost = _balance(run)
        in_pieces = segment_folder(path).exists() or run.sources[0].state != "closed"
        if not in_pieces and not lost:
            return Repaired(path, kept, [], healthy=True)
        target = out or (path if not lost else path.with_suffix(f".repaired{path.suffix}"))
        if target != path:
            if target.exists():
                raise InvalidInput(f"{target} exists; remove it or give another name")
            # A torn run becomes an interrupted one, which can be resumed.
            with drafted(target) as draft:
                write_joined(run, draft, "interrupted" if status == "torn" else status)
            return Repaired(target, kept, lost)
    left = join_run(path, "interrupted" if status == "torn" else status)
    return Repaired(path, kept, [], left)


def _balance(run: Run) -> tuple[list[str], list[str]]:
    extent = run.extent
    kept = [f"{extent.total(stream)} {NAMES[stream]}" for stream in STREAMS if extent.total(stream)]
    return kept, losses(run)
