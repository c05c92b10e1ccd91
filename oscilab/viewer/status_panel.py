"""How the run is doing: progress, limits, interlocks, notes."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel

from oscilab.live.session import Session
from oscilab.live.words import Row, condition_rows, progress_rows
from oscilab.viewer.panel import Panel, label, narrow

NOTES = 3
NAMES = 92
"""Pixels for the names of the rows."""
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
    """Rows of names and values; what is not as it should be is marked by a word and a colour."""

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
        """Labels are kept and their texts exchanged: none is made in the long run."""
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
