"""What NI-DAQmx would report: its error codes, and how they travel over gRPC."""

from __future__ import annotations

from nidaqmx.error_codes import DAQmxErrors


class DaqFault(Exception):
    """An error of NI-DAQmx; `read` and `written` are samples per channel got through before."""

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
        """The trailing metadata in which NI's server sends it."""
        found = [("ni-error", str(self.code))]
        if self.read is not None:
            found.append(("ni-samps-per-chan-read", str(self.read)))
        if self.written is not None:
            found.append(("ni-samps-per-chan-written", str(self.written)))
        return tuple(found)


def aborted(task: str, *, read: int | None = None, written: int | None = None) -> DaqFault:
    """What a call gets whose task was aborted, or stopped, while it waited for samples or space.

    That NI-DAQmx ends such a call at once is documented; by which of its codes is a guess.
    """
    return DaqFault(
        DAQmxErrors.RUNTIME_ABORTED_ROUTING,
        "The specified operation did not complete, because its task was aborted.\n\n"
        f"Task Name: {task}",
        read=read,
        written=written,
    )
