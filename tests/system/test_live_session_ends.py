"""A viewer that is closed while it still reads the run's file lets its process end."""

from __future__ import annotations

import subprocess
import sys

SLOW = """
import sys
import time
from pathlib import Path

import h5py
from h5py._objects import phil

from oscilab.live import session


def slow(path):
    with phil:
        time.sleep(1)
    return []


session.read_history = slow
kept = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
session.Session(Path(sys.argv[1])).close()
"""


def test_a_process_ends_after_its_reader(tmp_path):
    path = tmp_path / "run.h5"
    path.touch()
    subprocess.run([sys.executable, "-c", SLOW, str(path)], timeout=120, check=True)
