"""Other users, and viewers that hang, neither change nor delay a run."""

from __future__ import annotations

import json
import os
import sys
import time

import pytest
import zmq
from live_runs import SETTINGS, RunInThread, bench_file, is_safe, levels_of, wait_for

import oscilab
from oscilab.interruption import MadeSafe
from oscilab.live.client import Requests, Subscription
from oscilab.live.control import address_path, log_path


def ask_safe(run):
    with Requests(run.address()) as requests:
        requests.ask("safe")
    run.join()


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows the folder's rights hold")
def test_nobody_else_can_read_the_token(tmp_path):
    before = os.umask(0)
    try:
        run = RunInThread(tmp_path, steps=4000)
        run.address()
        assert address_path(run.path).stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    ask_safe(run)


def test_only_this_computer_can_connect(tmp_path):
    run = RunInThread(tmp_path, steps=4000)
    address = run.address()
    for endpoint in (address.stream, address.control):
        assert endpoint.startswith("tcp://127.0.0.1:")
    ask_safe(run)


@pytest.mark.slow
def test_strangers_change_nothing(tmp_path):
    """Thousands of wrong tokens, missing tokens and noise do not affect the run."""
    run = RunInThread(tmp_path, steps=400)
    address = run.address()
    context = zmq.Context()
    sockets = [context.socket(zmq.DEALER) for _ in range(4)]
    good = {"version": 1, "do": "safe", "number": 1}
    noise = [
        [json.dumps({**good, "token": "wrong"}).encode()],
        [json.dumps(good).encode()],
        [b"noise"],
        [b""],
        [b"several", b"frames", b"of", b"noise"],
        [b"x" * 3000],
    ]
    for socket in sockets:
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.SNDHWM, 100)
        socket.connect(address.control)
    sent = 0
    while run.thread.is_alive():
        for socket in sockets:
            for frames in noise:
                try:
                    socket.send_multipart(frames, zmq.NOBLOCK)
                    sent += 1
                except zmq.Again:
                    pass
        time.sleep(0.001)
    context.destroy(0)
    run.join()
    assert run.error is None
    assert sent > 1000
    assert run.live._log.refused > 0
    alone = oscilab.train(
        "two-gaussians", overrides={**SETTINGS, "steps": 400}, out=tmp_path / "alone.h5"
    )
    assert alone.figures == run.result.figures
    written = log_path(run.path).read_text()
    for reason in ("a wrong token", "no token", "no request of this version"):
        assert reason in written or "since the last such line" in written
    assert log_path(run.path).stat().st_size <= 64 << 10


def test_the_safe_state_gets_through_a_flood(tmp_path):
    bench = bench_file(tmp_path, pace=20.0)
    run = RunInThread(tmp_path, "rack", str(bench), steps=4000)
    address = run.address()
    wait_for(lambda: len(levels := levels_of(tmp_path)) and levels[3] not in (0, 0.5), "driving")
    context = zmq.Context()
    sockets = [context.socket(zmq.DEALER) for _ in range(8)]
    for socket in sockets:
        socket.set(zmq.LINGER, 0)
        socket.connect(address.control)
        for _ in range(900):
            socket.send(b"noise", zmq.NOBLOCK)
    with Requests(address) as requests:
        number = requests.send("safe")
        wait_for(lambda: is_safe(tmp_path), "the safe state")
    context.destroy(0)
    run.join()
    assert isinstance(run.error, MadeSafe)
    assert number == 1


@pytest.mark.slow
def test_a_viewer_that_hangs_costs_the_run_nothing(tmp_path):
    """A viewer takes no messages; they are dropped, and the run ends normally."""
    run = RunInThread(tmp_path, steps=400)
    hanging = [Subscription(run.address()) for _ in range(3)]
    run.join()
    assert run.error is None
    for each in hanging:
        each.close()
