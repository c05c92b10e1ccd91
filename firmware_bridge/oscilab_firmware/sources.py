"""The firmware's C sources: beside this package in a checkout, inside it once installed."""

from __future__ import annotations

from pathlib import Path

from oscilab.errors import OscilabError

HOST_FOLDERS = ("core", "plant", "hal_host")
"""What the port for this computer is made of."""


def firmware_folder() -> Path:
    """The folder `firmware`.

    Raises:
        OscilabError: it is not there.
    """
    here = Path(__file__).parent
    for folder in (here / "firmware", here.parent / "firmware"):
        if (folder / "core").is_dir():
            return folder
    raise OscilabError(f"the firmware's sources are missing beside {here}; install oscilab again")
