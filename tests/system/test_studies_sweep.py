"""Sweeps: finished points are kept, an interruption loses at most one, with and without Dask."""

import json
import socket
from contextlib import ExitStack, suppress

import pytest

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.progress import Quiet
from oscilab_experiments.studies import sweep as module
from oscilab_experiments.studies.study import Point
from oscilab_experiments.studies.sweep import Store, sweep


def points(work, count=4, **settings):
    return [
        Point(f"p{number}", f"studies_work:{work}", {"number": number, **settings})
        for number in range(count)
    ]


def lines(log):
    return sorted(int(line) for line in log.read_text().split())


def test_points_and_their_run_files_are_kept(tmp_path):
    measured = sweep(points("square"), Store(tmp_path), Quiet())
    assert [each.values["square"] for each in measured] == [0, 1, 4, 9]
    assert [each.files[".txt"].read_text() for each in measured] == ["0", "1", "2", "3"]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "p0.txt", "p1.txt", "p2.txt", "p3.txt"
    ]  # fmt: skip
    stored = json.loads((tmp_path / "points" / "p3.json").read_text())
    assert stored["settings"] == {"number": 3}
    assert stored["seconds"] >= 0


def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path):
    log = tmp_path / "log"
    with pytest.raises(KeyboardInterrupt):
        sweep(points("fail", log=str(log), at=2), Store(tmp_path), Quiet())
    assert lines(log) == [0, 1]
    # The second pass is the same work with the same settings, without the failure.
    for number in range(2):
        path = tmp_path / "points" / f"p{number}.json"
        stored = json.loads(path.read_text())
        stored["settings"] = {"number": number, "log": str(log)}
        path.write_text(json.dumps(stored))
    measured = sweep(points("count", log=str(log)), Store(tmp_path), Quiet())
    assert len(measured) == 4
    assert lines(log) == [0, 1, 2, 3]


def test_points_of_other_settings_are_refused(tmp_path):
    sweep(points("square", 1), Store(tmp_path), Quiet())
    other = [Point("p0", "studies_work:square", {"number": 7})]
    with pytest.raises(InvalidInput, match=r"p0\.json was measured with other settings"):
        sweep(other, Store(tmp_path), Quiet())


@pytest.mark.slow
def test_a_killed_worker_loses_its_current_point_only(tmp_path):
    pytest.importorskip("distributed", reason="Dask is not installed")
    log = tmp_path / "log"
    work = points("die_once", 6, log=str(log), at=3)
    measured = sweep(work, Store(tmp_path), Quiet(), workers=1)
    assert [each.values["number"] for each in measured] == list(range(6))
    # With one worker, its uncollected points may be measured twice.
    assert set(lines(log)) == set(range(6))
    assert lines(log).count(3) == 2
    again = sweep(work, Store(tmp_path), Quiet(), workers=1)
    assert [each.values for each in again] == [each.values for each in measured]
    assert lines(log).count(3) == 2


@pytest.mark.slow
def test_studies_run_beside_each_other(tmp_path):
    """The port of Dask's dashboard is in use; a warning would fail this test."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    with ExitStack() as stack:
        with suppress(OSError):  # The port is already in use.
            stack.enter_context(socket.create_server(("", 8787)))
        measured = sweep(points("square", 2), Store(tmp_path), Quiet(), workers=1)
    assert [each.values["square"] for each in measured] == [0, 1]


@pytest.mark.slow
def test_a_point_that_kills_every_worker_is_given_up(tmp_path):
    pytest.importorskip("distributed", reason="Dask is not installed")
    with pytest.raises(DeviceFailed, match=r"point p0 was given up"):
        sweep(points("die", 1), Store(tmp_path), Quiet(), workers=1)


@pytest.mark.slow
def test_a_cluster_that_somebody_has_is_used(tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as cluster:
        address = cluster.scheduler_address
        measured = sweep(points("square"), Store(tmp_path), Quiet(), scheduler=address)
    assert [each.values["square"] for each in measured] == [0, 1, 4, 9]
    assert measured[2].files[".txt"].read_text() == "2"


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr(module, "CONNECT_S", 0.2)
    with pytest.raises(InvalidInput, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        sweep(points("square"), Store(tmp_path), Quiet(), scheduler="tcp://127.0.0.1:1")
