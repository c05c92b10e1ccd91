"""A watched run: all of it is published, and its user can pause it and make it safe."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack

import numpy as np
import pytest
from live_runs import (
    SETTINGS,
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
from oscilab.live.client import Requests, Subscription
from oscilab.live.control import address_path, log_path
from oscilab.traces.run import open_run

RAMP_S = 10.0 / SLEW
"""The longest ramp to a safe value, 10 V, at the slew limit."""
MARGIN_S = 5.0
"""Margin for a busy machine; benchmarks/live_view.py measures the 100 ms on an idle one."""


def messages_until(subscription, wanted, kinds):
    """Count messages by kind until `wanted(counts)`."""
    wait_for(
        lambda: wanted(kinds),
        between=lambda: kinds.extend(subscription.take(0.2)),
    )


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
    # Only the run is left.
    assert not address_path(run.path).exists()


@pytest.mark.slow
def test_being_watched_changes_no_number(tmp_path):
    run = RunInThread(tmp_path)
    with Subscription(run.address()) as subscription:
        messages_until(subscription, lambda them: any(m.kind == "end" for m in them), [])
    run.join()
    alone = tmp_path / "alone.h5"
    oscilab.train("two-gaussians", overrides=SETTINGS, out=alone)
    with open_run(run.path) as watched, open_run(alone) as unwatched:
        np.testing.assert_array_equal(
            watched.protocol().parameters, unwatched.protocol().parameters
        )
        assert watched.figures == unwatched.figures


def test_a_pause_holds_before_the_next_batch(tmp_path, asking):
    """At most the batch in progress is still measured."""
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
    """The outputs are made safe during a waveform of tens of seconds, and in a paused run."""
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
def test_a_killed_run_is_distinguished_from_a_silent_one(tmp_path):
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
    from oscilab.cli.run_commands import RunOptions

    with pytest.raises(InvalidInput, match="remove --no-publish"):
        RunOptions(publish=False, live=True).observer()
    assert RunOptions(publish=False, live=False).observer() is None
