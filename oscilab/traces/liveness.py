"""Test whether the process that writes a run is alive."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from pathlib import Path
from typing import Any

STILL_ACTIVE = 259
QUERY_LIMITED_INFORMATION = 0x1000


def process_start(pid: int) -> str:
    """Return when a process started, in the system's units, to detect a reused process number.

    The result is empty if the system does not tell (macOS) or the process is gone.
    """
    if sys.platform == "win32":
        return _windows_start(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name in brackets may contain anything, so count field 22 from after it.
    return stat.rpartition(")")[2].split()[19]


def is_alive(pid: int, start: str, host: str) -> bool:
    """Return whether the process with that number and start runs on this computer."""
    if host != platform.node() or pid <= 0:
        return False
    if sys.platform == "win32":
        return _windows_start(pid) == start != ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _state(pid) != "Z" and process_start(pid) == start


def _state(pid: int) -> str:
    # A killed process keeps its number until its parent has waited for it.
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]


def _windows_start(pid: int) -> str:
    loader: Any = ctypes
    kernel = loader.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(kernel.OpenProcess(QUERY_LIMITED_INFORMATION, False, pid))
    if not handle:
        return ""
    try:
        code = ctypes.c_ulong()
        times = [ctypes.c_ulonglong() for _ in range(4)]
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.GetProcessTimes(handle, *map(ctypes.byref, times))
    finally:
        kernel.CloseHandle(handle)
    return str(times[0].value) if code.value == STILL_ACTIVE else ""
