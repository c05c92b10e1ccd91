"""Errors of files in few words."""

from __future__ import annotations

import os


def short(error: BaseException) -> str:
    """What an error says, without HDF5's pages of detail."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error).partition("\n")[0]
