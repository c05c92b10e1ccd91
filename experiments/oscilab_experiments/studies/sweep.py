"""Measure the points of a study that are not there yet, here or on a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from oscilab.errors import CannotDo, DeviceFailed, InvalidInput
from oscilab.progress import Progress
from oscilab_experiments.studies.points import Found, Store, measure
from oscilab_experiments.studies.study import Measured, Point

if TYPE_CHECKING:
    from distributed import Client

CONNECT_S = 30
LOST_WORKERS = 3
"""Workers that may die over one point before it is given up."""


def sweep(
    points: Sequence[Point],
    store: Store,
    progress: Progress,
    workers: int | None = None,
    scheduler: str | None = None,
) -> list[Measured]:
    """Every point, those that are in the store from there.

    Without `workers` and `scheduler` one after the other in this process; with `workers` on as many
    processes of this machine, with `scheduler` on the cluster behind that address, both by Dask. A
    point is stored when it is finished, so that an interruption, and a worker's death, loses those
    in work at most; a point whose worker died is given to another.

    Raises:
        InvalidInput: stored points of other settings, or a scheduler that does not answer.
        CannotDo: Dask is not installed.
        DeviceFailed: a point whose workers died again and again.
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

    # Never pure: a cluster may remember a result of the same name from an earlier version.
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
        # What is stored need not stay in the cluster's memory.
        future.release()


@contextmanager
def _client(workers: int | None, scheduler: str | None) -> Generator[Client]:
    try:
        from dask import config as dask_config
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise CannotDo(
            "sweeps on several workers need Dask; install it with "
            "`python -m pip install 'oscilab[sweep]'`, or leave --workers and --scheduler away"
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
            # No web page, and none of its usual ports: another study may run beside this one.
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
