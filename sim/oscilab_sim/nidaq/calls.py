"""The answer to an RPC: the fields of its reply, or an error of NI-DAQmx."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nidaqmx.error_codes import DAQmxErrors

Alive = Callable[[], bool]
"""Returns whether the caller is still connected; checked while a call waits."""
Reply = Mapping[str, Any]
"""Fields of the reply; its status is 0."""


def raw(request: Any, field: str) -> int:
    """Return the number of an enumeration, given by name or raw."""
    return int(getattr(request, f"{field}_raw") or getattr(request, field))


class DaqFault(Exception):
    """An error of NI-DAQmx; `read` and `written` are the samples per channel before it."""

    def __init__(
        self,
        code: DAQmxErrors,
        message: str,
        *,
        read: int | None = None,
        written: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = int(code)
        self.message = message
        self.read = read
        self.written = written

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the trailing metadata of the error, as NI's server sends it."""
        found = [("ni-error", str(self.code))]
        if self.read is not None:
            found.append(("ni-samps-per-chan-read", str(self.read)))
        if self.written is not None:
            found.append(("ni-samps-per-chan-written", str(self.written)))
        return tuple(found)


def aborted(task: str, *, read: int | None = None, written: int | None = None) -> DaqFault:
    """Return the error of a call whose task was aborted or stopped while it waited.

    NI documents that such a call ends at once, but not with which code; the code is a guess.
    """
    return DaqFault(
        DAQmxErrors.RUNTIME_ABORTED_ROUTING,
        "The specified operation did not complete, because its task was aborted.\n\n"
        f"Task Name: {task}",
        read=read,
        written=written,
    )


VOLTAGE = 10322
"""The measurement and output type of every analog channel."""


def unsupported(what: str, number: int, name: str) -> DaqFault:
    """Return the error for a property that the virtual NI-DAQmx does not implement."""
    return DaqFault(
        DAQmxErrors.ATTRIBUTE_NOT_SUPPORTED_IN_TASK_CONTEXT,
        f"The virtual NI-DAQmx does not implement the {what} property {number:#06x}; sim/README.md "
        f"lists what it does.\n\nTask Name: {name}",
    )


def valued(request: Any, value: Any) -> Reply:
    """Return the reply with a property's value."""
    name = type(request).__name__
    # The reply of an enumeration has its raw number, because the name may be unknown.
    is_enumeration = "Int32" in name and "UInt32" not in name
    return {"value_raw" if is_enumeration else "value": value}
