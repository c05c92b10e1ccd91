"""The memory of the live view's window is bounded."""

from __future__ import annotations

import os

import numpy as np
import pytest
from small_runs import write_run
from viewer_windows import opening_windows, quiet

from oscilab.live.model import BINS
from oscilab.live.stream import Message
from oscilab.viewer import application

pytestmark = quiet


@pytest.fixture
def app():
    return application()


@pytest.fixture
def window_on(app):
    with opening_windows() as window:
        yield window


def messages(oscillators, number, rng, nodes=25):
    """Return the messages of a run of that size in a twentieth of a second."""
    step = number // nodes
    values = rng.normal(size=(3, 16, oscillators)).astype(np.float32)
    arrays = dict(zip(("positions", "forces", "residuals"), values, strict=True))
    arrays["parameters"] = rng.normal(size=4 * oscillators).astype(np.float32)
    columns = {name: np.array([1.0 + rng.random()]) for name in ("loss", "gradient_norm")}
    columns |= {"step": np.array([step]), "node": np.array([number % nodes])}
    return [
        Message("batches", "r", number, 0.0, {}, columns),
        Message("reading", "r", number, 0.0, {"step": step, "node": number % nodes}, arrays),
    ]


def facts(rows, columns, nodes=25):
    sites = rows * columns
    ends = np.full((4 * sites, 3), -1, np.int32)
    ends[:, 0] = np.arange(4 * sites) % sites
    ends[3 * sites :, 1] = (ends[3 * sites :, 0] + 1) % sites
    families = [
        (name, k * sites, (k + 1) * sites)
        for k, name in enumerate(("bias", "stiffness", "quartic", "coupling"))
    ]
    body = {
        "path": "run.h5", "title": "simulated hours", "steps": 0, "layout": [rows, columns],
        "topology": "ring", "sample": [rows, columns], "device": "sim", "simulated": True,
        "families": families,
    }  # fmt: skip
    arrays = {
        "nodes": np.geomspace(0.01, 3, nodes), "edges": ends[3 * sites :, :2], "ends": ends,
        "lower": np.full(4 * sites, -9.0), "upper": np.full(4 * sites, 9.0),
    }  # fmt: skip
    return Message("facts", "r", 0, 0.0, body, arrays)


def resident_kb():
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")  # noqa: PTH110
def test_eight_hours_leave_memory_flat(app, window_on, tmp_path):
    """Process 576,000 sets of messages, 20 per second for eight hours, and draw one in 500.

    This test is about the data that the window keeps; the one below is about drawing. The first
    hour fills rings and bins; after that memory may grow by less than a byte per message.
    """
    window = window_on(write_run(tmp_path / "run.h5"))
    window._timer.stop()
    model, rng = window.session.model, np.random.default_rng(0)
    model.facts = None
    model.take(facts(8, 8))
    an_hour = 20 * 3600
    lots = [messages(64, number, rng) for number in range(25)]
    sizes = []
    for number in range(8 * an_hour):
        batches, reading = lots[number % 25]
        batches.arrays["step"][0] = number // 25
        model.take(batches)
        model.take(reading)
        if number % 500 == 0:
            window.step()
            app.processEvents()
        if number % an_hour == an_hour - 1:
            sizes.append(resident_kb())
    assert len(model.curves.steps()) <= BINS
    assert sizes[-1] - sizes[0] < 8 * 1024, sizes


@pytest.mark.slow
def test_drawing_leaves_memory_flat(app, window_on, tmp_path):
    """Draw 1500 complete frames; a leak per frame would show."""
    window = window_on(write_run(tmp_path / "run.h5"))
    window._timer.stop()
    model, rng = window.session.model, np.random.default_rng(0)
    model.facts = None
    model.take(facts(8, 8))
    before = 0
    for number in range(1500):
        for message in messages(64, number, rng):
            model.take(message)
        window._drawn.clear()
        window.step()
        app.processEvents()
        if number == 500:
            before = resident_kb() if os.path.exists("/proc/self/statm") else 0  # noqa: PTH110
    after = resident_kb() if before else 0
    assert after - before < 16 * 1024, (before, after)
