"""The window, driven offscreen: it shows, it asks, it survives, and it stays small."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"
pytest.importorskip("PySide6", reason="oscilab[view] is not installed")
try:
    from oscilab.viewer import DARK, LIGHT, ViewWindow, application
except ImportError as trouble:  # a library of the system that Qt needs
    pytest.skip(f"Qt cannot be loaded: {trouble}", allow_module_level=True)

from live_runs import RunInProcess, RunInThread, bench_file, is_safe, levels_of, wait_for
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from small_runs import write_run

from oscilab.interruption import MadeSafe
from oscilab.live.curves import BINS
from oscilab.live.message import Message
from oscilab.live.session import Session

pytestmark = pytest.mark.filterwarnings("ignore:This plugin does not support")
SCREEN = (1366, 768)


@pytest.fixture
def app():
    return application()


@pytest.fixture
def window_on(app):
    opened = []

    def window(path, theme=LIGHT):
        found = ViewWindow(Session(path), theme)
        found.show()
        opened.append(found)
        return found

    yield window
    for each in opened:
        each.close()


def until(app, condition, what="it"):
    def turn():
        app.processEvents()
        time.sleep(0.005)

    wait_for(condition, what, between=turn)


def colours_of(window):
    """How many colours the window's picture has: an empty one has a handful."""
    image = window.grab().toImage()
    step = 5
    return len(
        {
            image.pixel(x, y)
            for x in range(0, image.width(), step)
            for y in range(0, image.height(), step)
        }
    )


def test_a_live_run_is_shown_and_held_and_made_safe(app, window_on, tmp_path):
    bench = bench_file(tmp_path, pace=1.0)
    run = RunInThread(tmp_path, "rack", str(bench), steps=4000, batch=2)
    run.address()
    window = window_on(run.path)
    model = window.session.model
    until(app, lambda: model.reading and model.status and window.frames > 3, "a reading")
    until(app, lambda: window.controls.safe.isEnabled(), "the buttons")
    assert window.width() <= SCREEN[0]
    assert window.height() <= SCREEN[1]
    assert window.minimumSizeHint().width() <= SCREEN[0]
    assert list(window.maps.maps) == ["positions", "forces", "residuals"]
    assert "door" in " ".join(
        each.text() for each in window.status.findChildren(type(window.maps.title))
    )
    QTest.keyClick(window, Qt.Key.Key_Space)
    until(app, lambda: run.live.gate.state == "paused", "the pause")
    until(app, lambda: "Paused" in window.controls.state.text(), "the word for it")
    batches = run.live._bulletin.batches
    QTest.mouseClick(window.controls.hold, Qt.MouseButton.LeftButton)
    until(app, lambda: run.live._bulletin.batches > batches, "another batch")
    until(app, lambda: window.session.state() == "Running", "the word for it")
    QTest.mouseClick(window.controls.safe, Qt.MouseButton.LeftButton)
    until(app, lambda: is_safe(tmp_path), "the safe state")
    until(app, lambda: "Stopped" in window.controls.state.text(), "the run's end")
    run.join()
    assert isinstance(run.error, MadeSafe)
    assert not window.controls.safe.isEnabled()
    assert len(levels_of(tmp_path))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_finished_run_is_shown_from_its_file(app, window_on, tmp_path, theme):
    path = write_run(tmp_path / "run.h5", steps=20)
    window = window_on(path, theme)
    model = window.session.model
    until(
        app, lambda: window.session.state() == "Finished" and model.samples is not None, "the file"
    )
    until(app, lambda: not window._pending, "the drawing")
    assert colours_of(window) > 100
    assert not window.controls.hold.isEnabled()
    assert len(model.curves.steps()) == 20
    # Its file is closed again: anybody may replace it.
    path.rename(tmp_path / "elsewhere.h5")


def test_keys(app, window_on, tmp_path):
    path = write_run(tmp_path / "run.h5")
    window = window_on(path)
    until(app, lambda: window.topology.slider.maximum() > 0 and window.session.is_informed, "facts")
    QTest.keyClick(window, Qt.Key.Key_Right)
    assert not window.topology.follow.isChecked()
    QTest.keyClick(window, Qt.Key.Key_F)
    assert window.topology.follow.isChecked()
    QTest.keyClick(window, Qt.Key.Key_T)
    assert window.theme is DARK
    QTest.keyClick(window, Qt.Key.Key_V)
    assert window.maps.view.currentIndex() == 1
    QTest.keyClick(window, Qt.Key.Key_A)
    assert window.traces.mode.currentIndex() == 1
    QTest.keyClick(window, Qt.Key.Key_E)
    assert window.exported.read_bytes().startswith(b"\x89PNG")


def test_a_killed_run_is_said_to_be(app, window_on, tmp_path):
    run = RunInProcess(tmp_path, "--steps", "100000")
    window = window_on(run.path)
    until(app, lambda: window.session.model.reading, "a reading")
    run.kill()
    until(app, lambda: "Killed" in window.controls.state.text(), "word of its end")
    assert not window.controls.safe.isEnabled()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals between processes")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_viewer_that_dies_or_hangs_leaves_the_run_alone(tmp_path, number):
    run = RunInThread(tmp_path, steps=600)
    run.address()
    viewers = [
        subprocess.Popen(
            [sys.executable, "-m", "oscilab", "view", str(run.path)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        wait_for(lambda: run.live._server._viewers > 0, "a viewer")
        viewers[0].send_signal(number)
        run.join()
        assert run.error is None
    finally:
        for viewer in viewers:
            viewer.kill()
            viewer.wait()


def messages(oscillators, number, rng, nodes=25):
    """What a run of that size says in a twentieth of a second."""
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
    """576,000 lots of messages, 20 a second for eight hours; one in 500 of them is drawn.

    The drawing's own memory is the smaller test's, below; here it is what the window keeps. The
    first hour fills rings and bins; after that less than a byte a message may be gained.
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
    """1500 frames of everything: what a frame left behind would show by the kilobyte."""
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
