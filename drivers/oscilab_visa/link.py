"""The link to one instrument, which checks every message and every answer."""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from oscilab.errors import DeviceFailed, OscilabError
from oscilab_visa.connection import ClockTable, GenericTable, Unit

if TYPE_CHECKING:
    from pyvisa import ResourceManager
    from pyvisa.resources import MessageBasedResource

EMBEDDED = "@py"
logger = logging.getLogger(__name__)
ERROR = "SYST:ERR?"
MOST_ERRORS = 50
LONGEST_QUOTE = 80
_SOCKET = re.compile(r"TCPIP\d*::([^:]+)::(\d+)::SOCKET", re.IGNORECASE)
_ERROR = re.compile(r'\s*([+-]?\d+)\s*,?\s*"?([^"]*)"?')


def resource_manager(library: str) -> ResourceManager:
    """Return PyVISA's manager of `library`; for "" that of an installed VISA, else pyvisa-py's.

    Raises:
        OscilabError: PyVISA is missing.
        DeviceFailed: the library cannot be loaded.
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
    """Return the unit of the instrument that keeps time."""
    described = GenericTable(kind="generic", identity="clock", resource=table.resource, error=None)
    return Unit("its clock", table.resource, None, described)


def _installed() -> str:
    from pyvisa.ctwrapper.highlevel import IVIVisaLibrary

    return "@ivi" if IVIVisaLibrary.get_library_paths() else EMBEDDED


class Link:
    """Commands and queries to one instrument; threads take turns.

    The error queue is read after every command. After a missing answer the link counts as lost:
    every further call fails at once with the same message, until `revive`. An interrupted call may
    leave its answer behind, so the connection is reopened before the next.
    """

    def __init__(
        self, unit: Unit, manager: ResourceManager, timeout_s: float, error: str | None = ERROR
    ) -> None:
        self.name, self.address = unit.name, unit.resource
        self._unit, self._manager, self._error = unit, manager, error
        self._timeout_s = unit.table.timeout_s or timeout_s
        self._resource: MessageBasedResource | None = None
        self._lost: str | None = None
        self._lock = threading.RLock()

    def __str__(self) -> str:
        return f"instrument {self.name} at {self.address}"

    def command(self, text: str) -> None:
        """Send a command and check that the instrument reports no error.

        Raises:
            DeviceFailed: it reports an error, or does not answer.
        """
        with self._lock:
            if self._error is None:
                self._exchange([text], None, 0.0)
                return
            answer = self._exchange([text, self._error], self._error, 0.0)
            self._refuse_errors(answer, text)

    def ask(self, text: str, extra_s: float = 0.0) -> str:
        """Return the answer to a query; `extra_s` is added to the timeout.

        Raises:
            DeviceFailed: it does not answer.
        """
        with self._lock:
            known = self._lost is not None
            try:
                return self._exchange([text], text, extra_s)
            except DeviceFailed:
                if not known:
                    self._refuse_queued_error(text)
                raise

    def numbers(self, text: str, count: int, extra_s: float = 0.0) -> list[float]:
        """Return the answer to a query as `count` numbers.

        Raises:
            DeviceFailed: the answer is missing or different.
        """
        answer = self.ask(text, extra_s)
        try:
            found = [float(part) for part in answer.split(",")]
        except ValueError:
            found = []
        if len(found) != count:
            raise DeviceFailed(
                f"{self} answered {_short(answer)!r} to {_short(text)!r}, which is not "
                f"{count} numbers; look at it with `oscilab scpi`"
            )
        return found

    def upload(
        self, header: str, values: Sequence[float], kind: Literal["f", "h"], big_endian: bool
    ) -> None:
        """Send `header` and a block of float32 (`f`) or int16 (`h`).

        Raises:
            DeviceFailed: the instrument refuses it, or does not answer.
        """
        with self._lock:
            resource = self._opened()
            finished = False
            try:
                resource.write_binary_values(header, values, kind, big_endian)
                finished = True
            except self._failures() as error:
                raise self._loss(header, error) from error
            finally:
                if not finished:
                    self._drop()
            if self._error is not None:
                self._refuse_errors(self._exchange([self._error], self._error, 0.0), header)

    def errors(self) -> list[str]:
        """Empty the instrument's error queue; return errors such as `-222 "Data out of range"`."""
        found: list[str] = []
        while self._error is not None and len(found) < MOST_ERRORS:
            code, message = _read_error(self.ask(self._error))
            if code == 0:
                break
            found.append(f"{code} {message!r}")
        return found

    def revive(self) -> None:
        """Allow calls to a lost instrument again."""
        with self._lock:
            if self._lost is not None:
                self._lost = None
                self._drop()

    def close(self) -> None:
        """Close the connection; idempotent."""
        with self._lock:
            self._drop()

    def _exchange(self, texts: Sequence[str], asked: str | None, extra_s: float) -> str:
        resource = self._opened()
        end = self._unit.table.write_termination
        data = "".join(text + end for text in texts).encode("latin-1")
        finished = False
        try:
            resource.timeout = 1000 * (self._timeout_s + extra_s)
            resource.write_raw(data)
            answer = "" if asked is None else resource.read(encoding="latin-1")
            finished = True
        except self._failures() as error:
            raise self._loss(texts[0], error) from error
        finally:
            if not finished:
                self._drop()
        return answer.strip()

    def _opened(self) -> MessageBasedResource:
        if self._lost is not None:
            raise DeviceFailed(self._lost)
        if self._resource is None:
            self._resource = self._open()
        return self._resource

    def _open(self) -> MessageBasedResource:
        from pyvisa.resources import MessageBasedResource, SerialInstrument

        try:
            self._reach()
            resource = self._manager.open_resource(
                self.address, open_timeout=int(1000 * self._timeout_s)
            )
        except (*self._failures(), ValueError) as error:
            raise self._loss("*IDN?", error) from error
        if not isinstance(resource, MessageBasedResource):
            resource.close()
            raise DeviceFailed(f"{self} takes no messages; correct its address")
        table = self._unit.table
        resource.read_termination = table.read_termination
        resource.write_termination = table.write_termination
        if isinstance(resource, SerialInstrument) and table.baud_rate is not None:
            resource.baud_rate = table.baud_rate
        return resource

    def _reach(self) -> None:
        """Connect once with a plain socket: pyvisa-py ignores a refused connection."""
        found = _SOCKET.fullmatch(self.address)
        if found is not None:
            address = (found[1], int(found[2]))
            socket.create_connection(address, timeout=self._timeout_s).close()

    def _failures(self) -> tuple[type[Exception], ...]:
        from pyvisa.errors import Error

        return (Error, OSError)

    def _loss(self, text: str, error: Exception) -> DeviceFailed:
        reason = getattr(error, "description", None) or str(error) or type(error).__name__
        if "imeout" in reason:
            reason = f"no answer within {self._timeout_s:g} s"
        self._lost = (
            f"{self} did not answer to {_short(text)!r}: {reason.rstrip('.')}; check its power and "
            "its cable, then resume"
        )
        return DeviceFailed(self._lost)

    def _refuse_errors(self, answer: str, text: str) -> None:
        code, message = _read_error(answer)
        if code == 0:
            return
        more = len(self.errors())
        also = f" and {more} more errors" if more else ""
        raise DeviceFailed(
            f"{self} has error {code} {message!r}{also} after {_short(text)!r}; correct the bench "
            "file, or look at the instrument with `oscilab scpi`"
        )

    def _refuse_queued_error(self, text: str) -> None:
        """Raise the queued error that explains a missing answer; the link is then not lost."""
        lost, self._lost = self._lost, None
        if self._error is None or text == self._error:
            self._lost = lost
            return
        try:
            answer = self._exchange([self._error], self._error, 0.0)
        except DeviceFailed:
            self._lost = lost
            return
        self._refuse_errors(answer, text)
        self._lost = lost

    def _drop(self) -> None:
        resource, self._resource = self._resource, None
        if resource is not None:
            try:
                resource.close()
            except self._failures() as error:
                logger.warning("%s could not be closed: %s", self, error)


def _read_error(answer: str) -> tuple[int, str]:
    found = _ERROR.match(answer)
    if found is None:
        # An answer of unknown form must not pass as "no error".
        return -1, answer
    return int(found[1]), found[2]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + "..."
