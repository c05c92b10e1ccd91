"""The bar with the run's state and buttons, and the panel of progress and limits."""

from __future__ import annotations

from datetime import timedelta

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
)

from oscilab.live.display import Row, condition_rows, progress_rows
from oscilab.live.session import Session
from oscilab.viewer.widgets import LIGHT, Panel, Theme, label, narrow

HELD = ("pausing", "paused")


class Controls(QFrame):
    """State and buttons; the signal `asked` carries `pause`, `resume` or `safe`."""

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 6, 8, 6)
        row.setSpacing(10)
        words = QVBoxLayout()
        words.setSpacing(1)
        self.run, self.state, self.said = (
            narrow(label("", kind)) for kind in ("run", "state", "faint")
        )
        for each in (self.state, self.run):
            words.addWidget(each)
        row.addLayout(words, 1)
        middle = QVBoxLayout()
        middle.setSpacing(3)
        self.progress = QProgressBar()
        self.progress.setFixedWidth(300)
        middle.addWidget(self.progress)
        middle.addWidget(self.said)
        row.addLayout(middle)
        self.hold = _button("Pause\n(space)", "hold")
        self.hold.setMinimumWidth(96)
        self.safe = _button("■  Safe state  (F12)", "safe")
        self.safe.setToolTip("Outputs ramp to their safe values at once, and the run ends")
        self.hold.clicked.connect(self.toggle)
        self.safe.clicked.connect(lambda: self.asked.emit("safe"))
        row.addWidget(self.hold)
        row.addWidget(self.safe)
        self._held = False
        self._theme = LIGHT

    def paint_in(self, theme: Theme) -> None:
        """Apply a theme's colours."""
        self._theme = theme

    def toggle(self) -> None:
        """Pause or resume."""
        self.asked.emit("resume" if self._held else "pause")

    def draw(self, session: Session) -> None:
        """Show the state."""
        facts, status = session.model.facts, session.model.status
        where = f"{facts.title} on {facts.device}" if facts else ""
        simulated = " (simulated)" if facts and facts.simulated else ""
        self.run.setText(f"{session.path.name}   {where}{simulated}")
        self.state.setText(session.state())
        self.state.setStyleSheet(f"color: {_colour(session, self._theme)};")
        self.said.setText(session.said)
        self.said.setToolTip(session.said)
        total = int(status.get("total", 0)) if status else 0
        self.progress.setRange(0, max(total, 1))
        done = int(status.get("done", 0)) if status else 0
        if not status and session.model.figures:
            total = done = 1
        self.progress.setValue(done)
        self.progress.setFormat(_progress_text(session))
        self._held = str(status.get("state")) in HELD
        self.hold.setText("Resume\n(space)" if self._held else "Pause\n(space)")
        self.hold.setEnabled(session.can_ask)
        self.safe.setEnabled(session.can_ask)


def _button(text: str, name: str) -> QPushButton:
    found = QPushButton(text)
    found.setObjectName(name)
    # Space must not press the button that was clicked last.
    found.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    found.setEnabled(False)
    return found


def _colour(session: Session, theme: Theme) -> str:
    if session.model.ending:
        return theme.bad if session.model.ending.get("how") == "failed" else theme.good
    if not session.is_live:
        return theme.good if session.address is None else theme.bad
    state = str(session.model.status.get("state"))
    if state == "not known to be safe":
        return theme.bad
    return theme.good if state == "running" else theme.wait


def _progress_text(session: Session) -> str:
    status = session.model.status
    if not status:
        return "finished" if session.model.figures else ""
    left = status.get("left_s")
    text = f"{status.get('work')} {status.get('done')} of {status.get('total')}"
    return text if left is None else f"{text}, {timedelta(seconds=round(left))} left"


NOTES = 3
NAMES = 92
"""The width of the rows' names, in pixels."""
KEYS = (
    ("space", "pause, resume"),
    ("F12", "safe state"),
    ("← →", "slice"),
    ("F", "follow the run"),
    ("↑ ↓", "channels"),
    ("A", "all channels"),
    ("V", "point, mean, rms"),
    ("T", "light, dark"),
    ("E", "export a picture"),
    ("F11", "full screen"),
    ("Ctrl+Q", "close"),
)


class StatusPanel(Panel):
    """Rows of names and values; bad values are marked by a word and a colour."""

    def __init__(self) -> None:
        super().__init__("Run")
        self._tables = [_Table(), _Table()]
        self.body.addLayout(self._tables[0])
        self.body.addSpacing(4)
        self.body.addWidget(label("Outputs and limits", "title"))
        self.body.addLayout(self._tables[1])
        self.body.addSpacing(4)
        self.notes = label("", "faint")
        self.notes.setWordWrap(True)
        self.body.addWidget(self.notes)
        self.body.addStretch(1)
        self.body.addWidget(label("Keys", "title"))
        keys = _Table()
        keys.show([(key, meaning, True) for key, meaning in KEYS])
        self.body.addLayout(keys)

    def draw(self, session: Session) -> None:
        """Show the newest state."""
        self._tables[0].show(progress_rows(session))
        self._tables[1].show(condition_rows(session.model))
        notes = list(session.model.status.get("notes", []))[-NOTES:]
        self.notes.setText("\n".join(notes))


class _Table(QGridLayout):
    def __init__(self) -> None:
        super().__init__()
        self.setVerticalSpacing(1)
        self.setHorizontalSpacing(8)
        self.setColumnStretch(1, 1)
        self.setColumnMinimumWidth(0, NAMES)
        self._cells: list[tuple[QLabel, QLabel]] = []
        self._shown: list[Row] = []

    def show(self, rows: list[Row]) -> None:
        """Show rows, reusing the labels."""
        if rows == self._shown:
            return
        self._shown = rows
        while len(self._cells) < len(rows):
            name, value = label("", "faint"), label("")
            name.setAlignment(Qt.AlignmentFlag.AlignTop)
            value.setWordWrap(True)
            narrow(value)
            place = len(self._cells)
            self.addWidget(name, place, 0)
            self.addWidget(value, place, 1)
            self._cells.append((name, value))
        for place, (name, value) in enumerate(self._cells):
            used = place < len(rows)
            name.setVisible(used)
            value.setVisible(used)
            if used:
                name.setText(rows[place][0])
                value.setText(rows[place][1])
                kind = "" if rows[place][2] else "bad"
                if value.objectName() != kind:
                    value.setObjectName(kind)
                    value.style().unpolish(value)
                    value.style().polish(value)
