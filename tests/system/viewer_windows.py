"""Windows of the live view, driven offscreen; tests that import this are skipped without Qt."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"
pytest.importorskip("PySide6", reason="oscilab[view] is not installed")
try:
    from oscilab.viewer import LIGHT, ViewWindow
except ImportError as trouble:  # a library of the system that Qt needs
    pytest.skip(f"Qt cannot be loaded: {trouble}", allow_module_level=True)

from live_runs import wait_for
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from oscilab.live.session import Session

quiet = pytest.mark.filterwarnings("ignore:This plugin does not support")
"""Qt's warning about the offscreen plugin."""


@contextmanager
def opening_windows():
    """Yield a function that opens windows on runs; they are closed at the end."""
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
    """Let the application run until `condition()`."""

    def turn():
        app.processEvents()
        time.sleep(0.005)

    wait_for(condition, what, between=turn)


def press(window, key):
    """Press a key by its name in Qt."""
    QTest.keyClick(window, Qt.Key[f"Key_{key}"])


def click(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
