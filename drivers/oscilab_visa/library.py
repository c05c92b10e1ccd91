"""PyVISA's library: the vendor's where one is installed, pyvisa-py otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oscilab.errors import DeviceFailed, OscilabError
from oscilab_visa.connection import ClockTable, GenericTable, Unit

if TYPE_CHECKING:
    from pyvisa import ResourceManager

EMBEDDED = "@py"


def resource_manager(library: str) -> ResourceManager:
    """The manager of `library`; of "" NI-VISA or Keysight VISA if there is one.

    Raises:
        OscilabError: PyVISA is missing.
        DeviceFailed: that library cannot be loaded.
    """
    try:
        import pyvisa
    except ImportError as error:
        raise OscilabError(
            "the Python package pyvisa is missing; install it with `python -m pip install pyvisa "
            "pyvisa-py`"
        ) from error
    try:
        return pyvisa.ResourceManager(library or _installed())
    except (OSError, ValueError, pyvisa.errors.Error) as error:
        raise DeviceFailed(
            f"the VISA library {library or 'of the system'!r} cannot be loaded: {error}; name "
            'another one, such as library = "@py"'
        ) from error


def clock_unit(table: ClockTable) -> Unit:
    """The instrument that keeps time, as a unit of its own."""
    described = GenericTable(kind="generic", identity="clock", resource=table.resource, error=None)
    return Unit("its clock", table.resource, None, described)


def _installed() -> str:
    from pyvisa.ctwrapper.highlevel import IVIVisaLibrary

    return "@ivi" if IVIVisaLibrary.get_library_paths() else EMBEDDED
