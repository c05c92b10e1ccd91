"""A run that is watched: it can be held and made safe by its user, and by nobody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack

import numpy as np
import pytest
import zmq
from live_runs import (
    SLEW,
    RunInProcess,
    RunInThread,
    bench_file,
    is_safe,
    levels_of,
    wait_for,
)

import oscilab
from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.interruption import MadeSafe
from oscilab.live.address import address_path
from oscilab.live.client import Requests, Subscription
from oscilab.live.control import log_path
from oscilab.traces.run import open_run

RAMP_S = 10.0 / SLEW
"""The longest way to a safe value, 10 V, at the slew limit."""
MARGIN_S = 5.0
"""On a busy machine; benchmarks/live_view.py measures the 100 ms on an idle one."""


def messages_until(subscription, wanted, kinds):
    """Count messages by kind until `wanted(counts)`."""
    wait_for(
        lambda: wanted(kinds),
        between=lambda: kinds.extend(subscription.take(0.2)),
    )


def ask_safe(run):
    with Requests(run.address()) as requests:
        requests.ask("safe")
    run.join()


@pytest.fixture
def asking():
    with ExitStack() as stack:
        yield lambda address: stack.enter_context(Requests(address))


def test_all_that_is_measured_is_published(tmp_path):
    run = RunInThread(tmp_path, steps=40, slices=4)
    heard = []
    with Subscription(run.address()) as subscription:
        messages_until(subscription, lambda them: any(m.kind == "end" for m in them), heard)
        run.join()
        assert subscription.missed == 0
    kinds = {message.kind for message in heard}
    assert {"facts", "status", "batches", "reading", "samples", "end"} <= kinds
    rows = [message.arrays for message in heard if message.kind == "batches"]
    steps = np.concatenate([each["step"] for each in rows])
    nodes = np.concatenate([each["node"] for each in rows])
    losses = np.concatenate([each["loss"] for each in rows])
    with open_run(run.path) as file:
        stored = file.tree["training"]
        first = file.n_committed - len(steps)  # a viewer may come late
        np.testing.assert_array_equal(stored.step.values[first:], steps)
        np.testing.assert_array_equal(stored.node_number.values[first:], nodes)
        np.testing.assert_array_equal(stored.loss.values[first:], losses)
    reading = next(message for message in heard if message.kind == "reading")
    assert reading.arrays["forces"].shape == (40, 2)
    assert reading.arrays["residuals"].shape == (40, 2)
    assert heard[-1].body == {"how": "finished", "reason": ""}
    # Nothing is left but the run.
    assert not address_path(run.path).exists()


@pytest.mark.slow
def test_being_watched_changes_no_number(tmp_path):
    run = RunInThread(tmp_path)
    with Subscription(run.address()) as subscription:
        messages_until(subscription, lambda them: any(m.kind == "end" for m in them), [])
    run.join()
    alone = tmp_path / "alone.h5"
    settings = {"steps": 12, "batch": 40, "slices": 2, "samples": 20, "checkpoint_every": 1}
    oscilab.train("two-gaussians", overrides={**settings, "seed": 3}, out=alone)
    with open_run(run.path) as watched, open_run(alone) as unwatched:
        np.testing.assert_array_equal(
            watched.protocol().parameters, unwatched.protocol().parameters
        )
        assert watched.figures == unwatched.figures


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


def test_a_pause_holds_before_the_next_batch(tmp_path, asking):
    """At most the batch that was being measured when it came is still measured."""
    bench = bench_file(tmp_path, pace=1.0)
    run = RunInThread(tmp_path, "rack", str(bench), steps=4000, batch=2)
    requests = asking(run.address())
    wait_for(lambda: run.live._bulletin.batches > 2, "a batch")
    requests.ask("pause")
    before = run.live._bulletin.batches
    wait_for(lambda: run.live.gate.state == "paused", "the pause")
    held = run.live._bulletin.batches
    assert held - before <= 1
    levels = levels_of(tmp_path)
    time.sleep(0.5)
    assert run.live._bulletin.batches == held
    np.testing.assert_array_equal(levels_of(tmp_path), levels)
    requests.ask("resume")
    wait_for(lambda: run.live._bulletin.batches > held, "another batch")
    requests.ask("safe")
    run.join()
    assert isinstance(run.error, MadeSafe)
    assert is_safe(tmp_path)


@pytest.mark.parametrize("held", [False, True])
def test_the_safe_state_reaches_the_outputs(tmp_path, asking, held):
    """While a waveform of some tens of seconds plays, and while the run is paused."""
    bench = bench_file(tmp_path, pace=1.0 if held else 20.0)
    run = RunInThread(tmp_path, "rack", str(bench), steps=4000, batch=2 if held else 40)
    requests = asking(run.address())
    wait_for(lambda: len(levels := levels_of(tmp_path)) and levels[3] not in (0, 0.5), "driving")
    if held:
        requests.ask("pause")
        wait_for(lambda: run.live.gate.state == "paused", "the pause")
    assert not is_safe(tmp_path)
    asked = time.monotonic()
    requests.ask("safe")
    wait_for(lambda: is_safe(tmp_path), "the safe state", between=lambda: time.sleep(0.002))
    assert time.monotonic() - asked < RAMP_S + MARGIN_S
    run.join()
    assert isinstance(run.error, MadeSafe)
    assert is_safe(tmp_path)
    with open_run(run.path) as file:
        assert file.status == "interrupted"
    assert "safe: outputs go to their safe values" in log_path(run.path).read_text()


@pytest.mark.slow
def test_strangers_change_nothing(tmp_path):
    """Wrong tokens, no tokens, noise, and thousands of all of them, while the run goes on."""
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
        "two-gaussians", overrides={**_settings(), "steps": 400}, out=tmp_path / "alone.h5"
    )
    assert alone.figures == run.result.figures
    written = log_path(run.path).read_text()
    for reason in ("a wrong token", "no token", "no request of this version"):
        assert reason in written or "since the last such line" in written
    assert log_path(run.path).stat().st_size <= 64 << 10


def _settings():
    return {"batch": 40, "slices": 2, "samples": 20, "checkpoint_every": 1, "seed": 3}


def test_the_safe_state_gets_through_a_flood(tmp_path, asking):
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
    requests = asking(address)
    number = requests.send("safe")
    wait_for(lambda: is_safe(tmp_path), "the safe state")
    context.destroy(0)
    run.join()
    assert isinstance(run.error, MadeSafe)
    assert number == 1


@pytest.mark.slow
def test_a_viewer_that_hangs_costs_the_run_nothing(tmp_path):
    """It never takes a message; what it is not sent is dropped, and the run ends by itself."""
    run = RunInThread(tmp_path, steps=400)
    hanging = [Subscription(run.address()) for _ in range(3)]
    run.join()
    assert run.error is None
    for each in hanging:
        each.close()


@pytest.mark.slow
def test_a_killed_run_is_told_from_a_silent_one(tmp_path):
    run = RunInProcess(tmp_path, "--steps", "100000")
    assert not run.address.is_gone
    run.kill()
    wait_for(lambda: run.address.is_gone, "the end of the process")
    assert address_path(run.path).exists()
    with (
        Requests(run.address) as requests,
        pytest.raises(DeviceFailed, match="did not answer"),
    ):
        requests.ask("pause", patience_s=0.2)


@pytest.mark.slow
def test_the_terminal(tmp_path):
    run = RunInProcess(tmp_path, "--steps", "100000")

    def monitor(*arguments):
        ended = subprocess.run(
            [sys.executable, "-m", "oscilab", "monitor", str(run.path), *arguments],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert "held after the batch" in monitor("--do", "pause")
    shown = monitor("--once")
    assert "Paus" in shown
    assert "two-gaussians on sim" in shown
    assert "loss" in shown
    assert "safe values" in monitor("--do", "safe")
    code, err = run.end()
    assert code == 130, err
    assert "an operator asked for the safe state" in err
    assert "Stopped" in monitor("--once")


def test_a_window_needs_a_run_that_publishes():
    from oscilab.cli.living import observer

    with pytest.raises(InvalidInput, match="leave --no-publish away"):
        observer(publish=False, window=True)
    assert observer(publish=False, window=False) is None
