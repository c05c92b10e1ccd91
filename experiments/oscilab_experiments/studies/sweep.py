"""Measure the missing points of a study, locally or on a Dask cluster, and store them."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oscilab.errors import CannotDo, DeviceFailed, InvalidInput, OscilabError
from oscilab.progress import Progress
from oscilab.traces.durable import make_folder, write_durably
from oscilab_experiments.studies.study import Measured, Point

if TYPE_CHECKING:
    from distributed import Client

PARTS = {"settings", "values", "files", "seconds"}


@dataclass(frozen=True)
class Found:
    """A point's values and the contents of its run files, as returned by a worker."""

    values: Mapping[str, Any]
    files: Mapping[str, bytes]
    seconds: float


def measure(point: Point) -> Found:
    """Measure a point in a temporary folder, in any process.

    Files are returned by content, because workers need not share a disk with the caller.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="oscilab-", ignore_cleanup_errors=True) as folder:
        try:
            values = point.measure(Path(folder))
        except OscilabError as error:
            error.add_note(f"that was point {point.key}; finished points are kept")
            raise
        files = {path.name: path.read_bytes() for path in sorted(Path(folder).glob("run.*"))}
    return Found(values, files, time.monotonic() - started)


@dataclass(frozen=True)
class Store:
    """The finished points of one study, in `folder`: `points/KEY.json` and `runs/KEY.*`."""

    folder: Path

    def load(self, point: Point) -> Measured | None:
        """Return the point if it is finished and has all its run files.

        Raises:
            InvalidInput: the point was measured with other settings, or its file cannot be read.
        """
        path = self._path(point)
        if not path.is_file():
            return None
        stored = _read(path)
        if stored["settings"] != _plain(point.settings):
            raise InvalidInput(
                f"{path} was measured with other settings; name another folder with --out, or "
                "remove it"
            )
        files = {Path(name).suffix: self.folder / "runs" / name for name in stored["files"]}
        if not all(each.is_file() for each in files.values()):
            return None
        return Measured(point, stored["values"], files, stored["seconds"])

    def keep(self, point: Point, found: Found) -> None:
        """Write a finished point. Its JSON file is written last, completely or not at all.

        Raises:
            InvalidInput: it cannot be written.
        """
        names: list[str] = []
        for name, content in found.files.items():
            names.append(f"{point.key}{Path(name).suffix}")
            write_file(self.folder / "runs" / names[-1], content)
        stored = {
            "settings": _plain(point.settings), "values": found.values, "files": names,
            "seconds": round(found.seconds, 2),
        }  # fmt: skip
        write_file(self._path(point), json.dumps(stored, indent=1).encode())

    def _path(self, point: Point) -> Path:
        return self.folder / "points" / f"{point.key}.json"


def _plain(settings: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(dict(settings)))


def _read(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if PARTS - stored.keys():
            raise ValueError("it lacks some of its parts")
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidInput(
            f"{path} cannot be read as a finished point: {error}; remove it, to measure the point "
            "again"
        ) from error
    return stored


def write_file(path: Path, content: bytes) -> None:
    """Write or replace a file, flushed to the disk, completely or not at all.

    Raises:
        InvalidInput: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    make_folder(path.parent)
    try:
        write_durably(partial, content)
        partial.replace(path)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}; correct that and start again: finished "
            "points are kept"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


CONNECT_S = 30
LOST_WORKERS = 3
"""The number of workers that may die on one point before it is given up."""


def sweep(
    points: Sequence[Point],
    store: Store,
    progress: Progress,
    workers: int | None = None,
    scheduler: str | None = None,
) -> list[Measured]:
    """Return all points, measuring those that are not in the store.

    Points are measured one by one in this process or, by Dask, in `workers` processes of this
    machine or on the cluster at the address `scheduler`. Each point is stored when it is finished,
    so an interruption or a worker's death loses at most the points in progress. If a worker dies,
    another one gets its point.

    Raises:
        InvalidInput: a stored point has other settings, or the scheduler does not answer.
        CannotDo: Dask is not installed.
        DeviceFailed: the workers of a point died repeatedly.
    """
    missing = [point for point in points if store.load(point) is None]
    if len(missing) < len(points):
        progress.note(f"{len(points) - len(missing)} of {len(points)} points are there already")
    if missing:
        with progress.task("points", len(missing)) as task:
            for point, found in _found(missing, workers, scheduler):
                store.keep(point, found)
                task.advance(seconds=found.seconds)
    loaded = [store.load(point) for point in points]
    return [each for each in loaded if each is not None]


def _found(
    points: Sequence[Point], workers: int | None, scheduler: str | None
) -> Iterator[tuple[Point, Found]]:
    if workers is None and scheduler is None:
        for point in points:
            yield point, measure(point)
        return
    with _client(workers, scheduler) as client:
        yield from _distributed(client, points)


def _distributed(client: Client, points: Sequence[Point]) -> Iterator[tuple[Point, Found]]:
    from distributed import KilledWorker, as_completed

    # Not pure: a cluster may have cached a result of the same name from an earlier version.
    futures = {client.submit(measure, point, pure=False, retries=0): point for point in points}
    for future in as_completed(futures):
        point = futures.pop(future)
        try:
            found = future.result()
        except KilledWorker as error:
            raise DeviceFailed(
                f"point {point.key} was given up, because worker after worker died over it; look "
                "into their logs (memory?), then start again: finished points are kept"
            ) from error
        yield point, found
        # Release a stored result from the cluster's memory.
        future.release()


@contextmanager
def _client(workers: int | None, scheduler: str | None) -> Generator[Client]:
    try:
        from dask import config as dask_config
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise CannotDo(
            "sweeps on several workers need Dask; install it with "
            "`python -m pip install 'oscilab[sweep]'`, or remove --workers and --scheduler"
        ) from error
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=CONNECT_S)
        except (OSError, ValueError) as error:
            raise InvalidInput(f"no Dask scheduler answers at {scheduler}: {error}") from error
        with client:
            yield client
        return
    settings = {"distributed.scheduler.allowed-failures": LOST_WORKERS}
    with (
        dask_config.set(settings),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            # No dashboard and no fixed ports, because another study may run at the same time.
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
