"""The window of the live view, driven offscreen."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from live_runs import RunInProcess, RunInThread, bench_file, is_safe, levels_of, wait_for
from small_runs import write_run
from viewer_windows import click, opening_windows, press, quiet, until

from oscilab.interruption import MadeSafe
from oscilab.viewer import DARK, LIGHT, application

pytestmark = quiet
SCREEN = (1366, 768)


@pytest.fixture
def app():
    return application()


@pytest.fixture
def window_on(app):
    with opening_windows() as window:
        yield window


def colours_of(window):
    """Return the number of colours in the window; an empty one has a few."""
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
    press(window, "Space")
    until(app, lambda: run.live.gate.state == "paused", "the pause")
    until(app, lambda: "Paused" in window.controls.state.text(), "the word for it")
    batches = run.live._bulletin.batches
    click(window.controls.hold)
    until(app, lambda: run.live._bulletin.batches > batches, "another batch")
    until(app, lambda: window.session.state() == "Running", "the word for it")
    click(window.controls.safe)
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
    # The file is closed again, so it can be replaced.
    path.rename(tmp_path / "elsewhere.h5")


def test_keys(app, window_on, tmp_path):
    path = write_run(tmp_path / "run.h5")
    window = window_on(path)
    until(app, lambda: window.topology.slider.maximum() > 0 and window.session.is_informed, "facts")
    press(window, "Right")
    assert not window.topology.follow.isChecked()
    press(window, "F")
    assert window.topology.follow.isChecked()
    press(window, "T")
    assert window.theme is DARK
    press(window, "V")
    assert window.maps.view.currentIndex() == 1
    press(window, "A")
    assert window.traces.mode.currentIndex() == 1
    press(window, "E")
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
