"""A reference leak in Qt's binding that would end a window after days."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("PySide6", reason="oscilab[view] is not installed")
SCRIPT = """
import os, sys
from PySide6.QtWidgets import QApplication, QLabel
app = QApplication([])
label = QLabel("x")
before = sys.getrefcount(None)
for _ in range(1000):
    label.setVisible(True)
print(sys.getrefcount(None) - before, flush=True)
os._exit(0)
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is not counted any more")
def test_a_call_keeps_its_references():
    """PySide6 6.12.0 loses a reference to None in each of these calls."""
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    if ended.returncode and "ImportError" in ended.stderr:
        pytest.skip(f"Qt cannot be loaded: {ended.stderr.splitlines()[-1]}")
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > -100
