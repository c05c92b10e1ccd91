"""The thread that publishes a run and takes requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from oscilab.live.client import Requests, Subscription
from oscilab.live.control import Address, ControlLog, Doorkeeper
from oscilab.live.publishing import Server

PATIENCE_S = 30.0


def test_a_run_that_cannot_be_shown_can_still_be_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """JSON has no NaN, as from an interlock; a message that cannot be sent must not end it."""
    ticked = threading.Semaphore(0)

    def tick(publish: Callable[..., None], came: bool) -> None:
        ticked.release()
        publish("status", {"volts": float("nan")}, {})

    server = Server(tick)
    address = Address.of_this_process(tmp_path / "run.h5", server.stream, server.control)
    log = ControlLog(tmp_path / "control.log")
    server.start(address, Doorkeeper(address.token, {"safe": lambda: "going safe"}, log))
    try:
        with Subscription(address), Requests(address) as requests:
            for _ in range(2):
                assert ticked.acquire(timeout=PATIENCE_S)
            assert requests.ask("safe", PATIENCE_S) == "going safe"
    finally:
        server.stop()
        log.close()
    told = [record.getMessage() for record in caplog.records]
    assert told == ["the run cannot be watched as it should; it can still be stopped"]
