"""The live view in a window, in a separate process: `oscilab view`.

It needs the extra `view` (pyqtgraph, PySide6-Essentials). Only that command imports it.
"""

from __future__ import annotations

import signal
import sys
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from oscilab.live.session import Session
from oscilab.viewer.widgets import DARK, LIGHT, Theme
from oscilab.viewer.window import ViewWindow

__all__ = ["DARK", "LIGHT", "ViewWindow", "application", "show"]


def application() -> QApplication:
    """Return the Qt application of this process."""
    found = QApplication.instance()
    if isinstance(found, QApplication):
        return found
    made = QApplication(sys.argv[:1])
    # The platform's style would override the themes.
    made.setStyle("Fusion")
    made.setApplicationName("oscilab")
    return made


def show(session: Session, theme: Literal["light", "dark", "system"] = "system") -> int:
    """Open the window and return when it is closed."""
    app = application()
    # Qt's event loop would delay Python's handler; the default one ends the process at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    window = ViewWindow(session, _theme(app, theme))
    window.show()
    return app.exec()


def _theme(app: QApplication, wanted: str) -> Theme:
    if wanted == "system":
        dark = app.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return DARK if dark else LIGHT
    return DARK if wanted == "dark" else LIGHT
