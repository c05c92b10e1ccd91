"""Whether a run's writer is still alive."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from oscilab.traces.liveness import is_alive, process_start


def test_this_process_is_alive() -> None:
    assert is_alive(os.getpid(), process_start(os.getpid()), platform.node())


def test_a_process_that_ended_is_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = process_start(child.pid)
    assert is_alive(child.pid, start, platform.node())
    child.communicate(b"\n")
    assert not is_alive(child.pid, start, platform.node())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_one_that_was_killed_and_not_yet_asked_after_is_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = process_start(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert process_start(child.pid) == start
    assert not is_alive(child.pid, start, platform.node())
    child.communicate()


@pytest.mark.skipif(not process_start(os.getpid()), reason="this system tells no start times")
def test_a_number_that_another_process_has_by_now_is_not() -> None:
    assert not is_alive(os.getpid(), "1", platform.node())


def test_a_process_of_another_computer_is_not_here() -> None:
    assert not is_alive(os.getpid(), process_start(os.getpid()), "elsewhere")
