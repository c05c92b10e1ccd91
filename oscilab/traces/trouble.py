"""Short messages for file errors."""

from __future__ import annotations

import os


def short(error: BaseException) -> str:
    """Return an error's message, without HDF5's details."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error).partition("\n")[0]
