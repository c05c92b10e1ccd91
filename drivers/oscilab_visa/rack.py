"""The instruments of a rack and its clock: making, opening, timing, setting, switching off."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Protocol, cast

from oscilab.bench.tables import key_path, validated
from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.plugins import find, known
from oscilab.wired.front_end import Aborted
from oscilab_visa.connection import (
    ClockTable,
    Connection,
    Daq970aTable,
    GenericTable,
    Keysight33500Table,
    Qdac2Table,
    Unit,
    units_of,
)
from oscilab_visa.daq970a import Daq970a
from oscilab_visa.generic import GenericInstrument
from oscilab_visa.instrument import InstrumentKind, RackInstrument, Triggered
from oscilab_visa.keysight33500 import Keysight33500
from oscilab_visa.link import ERROR, Link, clock_unit, resource_manager
from oscilab_visa.qdac2 import Qdac2

COMMAND_S = 2e-3
"""Duration of a message to an instrument and its answer, over a local network."""
logger = logging.getLogger(__name__)
CLOCK = "its clock"


class Clock(Protocol):
    """A clock that the rack waits on."""

    def now(self) -> float:
        """Return the time in seconds, from any origin."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait for `seconds`.

        Raises:
            Aborted: `interrupt` was called during the wait.
        """
        ...

    def catch_up(self) -> None:
        """Carry out waits that were deferred."""
        ...

    def interrupt(self) -> None:
        """End a wait from another thread."""
        ...


class HostClock:
    """The computer's clock; its waits may be late, depending on the operating system."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def now(self) -> float:
        """Return seconds of the monotonic clock."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Wait; `interrupt` ends the wait."""
        self._stop.clear()
        if self._stop.wait(seconds):
            raise Aborted("a wait of the rack was aborted")

    def catch_up(self) -> None:
        """Do nothing; no wait is deferred."""

    def interrupt(self) -> None:
        """End the present wait."""
        self._stop.set()


class InstrumentClock:
    """An instrument whose answer ends a wait.

    Waits are accumulated until the next command to any instrument, so that a pause in many pieces
    costs one message.
    """

    def __init__(self, link: Link, table: ClockTable) -> None:
        self._link, self._table = link, table
        self._deferred_s = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the instrument's time, after all deferred waits."""
        self.catch_up()
        return self._link.numbers(self._table.now, 1)[0]

    def wait(self, seconds: float) -> None:
        """Defer a wait to the next command."""
        with self._lock:
            self._deferred_s += seconds

    def catch_up(self) -> None:
        """Carry out the deferred waits by one query."""
        with self._lock:
            deferred, self._deferred_s = self._deferred_s, 0.0
            if deferred > 0:
                self._link.ask(self._table.wait.format(seconds=deferred), deferred)

    def interrupt(self) -> None:
        """Do nothing; a wait of the instrument cannot be interrupted."""


class RackTiming:
    """Durations of one change of outputs, `update_s`, and of reading every input once, `scan_s`.

    A change takes a message to each instrument with outputs, plus the longest settling time.
    Instruments are read one after the other.
    """

    def __init__(self, connection: Connection, instruments: Mapping[str, RackInstrument]) -> None:
        tables = connection.instruments
        with_outputs = [name for name, each in instruments.items() if each.outputs]
        settle = max((table.settle_s for table in tables.values()), default=0.0)
        self.update_s = COMMAND_S * max(1, len(with_outputs)) + settle
        self._readers = {
            name: each.seconds([channel.name for channel in each.inputs])
            for name, each in instruments.items()
            if each.inputs
        }
        self._inputs = sum(len(each.inputs) for each in instruments.values())
        self.scan_s = sum(self._readers.values()) + COMMAND_S * len(self._readers)

    @property
    def rate_hz(self) -> float:
        """The largest rate of points, each a change of outputs and a scan of all inputs."""
        return 1 / (self.update_s + self.scan_s)

    def words(self) -> str:
        """Return the timing as a sentence for the operator."""
        return (
            f"not hardware timed: outputs settle within {self.update_s:.2g} s of a command, "
            f"a scan of all {self._inputs} inputs takes {self.scan_s:.2g} s, and a reading "
            "is taken somewhere within its scan"
        )


class Rack:
    """A rack: `instruments` by name, and `links` to them once they are connected.

    `clock` is the computer's, or the instrument that the connection names.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.units = units_of(connection)
        self.instruments: dict[str, RackInstrument] = {}
        for unit in self.units:
            if unit.name in self.instruments:
                raise InvalidInput(f"two instruments are called {unit.name}; rename one")
            self.instruments[unit.name] = find_instrument(unit.table.kind).make(unit)
        self._check_master()
        self.links: dict[str, Link] = {}
        self.clock: Clock = HostClock()

    def connect(self) -> dict[str, str]:
        """Open and check every instrument, and return serial numbers by name.

        Raises:
            DeviceFailed: an instrument does not answer, or differs from the bench file.
        """
        serials: dict[str, str] = {}
        timeout_s = self._connection.timeout_s
        manager = resource_manager(self._connection.library)
        for unit in self.units:
            error = unit.table.error if isinstance(unit.table, GenericTable) else ERROR
            link = Link(unit, manager, timeout_s, error)
            self.links[unit.name] = link
            _begin(link, unit)
            serials[unit.name] = self.instruments[unit.name].connect(link)
        table = self._connection.clock
        if table is not None:
            self.links[CLOCK] = Link(clock_unit(table), manager, timeout_s, None)
            self.clock = InstrumentClock(self.links[CLOCK], table)
        return serials

    def close(self) -> None:
        """Close all connections; outputs hold. Idempotent."""
        for link in self.links.values():
            link.close()

    def set(self, changes: Mapping[str, Mapping[int, float]]) -> None:
        """Set levels by instrument and output, at one trigger where several support it."""
        staged = self._staged(changes)
        for name in staged:
            instrument = self.instruments[name]
            assert isinstance(instrument, Triggered)
            instrument.stage(changes[name])
        if staged:
            self._fire()
        for name, levels in changes.items():
            if name not in staged:
                self.instruments[name].set(levels)

    def off(self) -> list[str]:
        """Switch off every instrument, and return a sentence for each that failed."""
        lost: list[str] = []
        for name, instrument in self.instruments.items():
            link = self.links.get(name)
            if link is None:
                continue
            link.revive()
            try:
                instrument.off()
            except DeviceFailed as error:
                lost.append(str(error))
        return lost

    def _staged(self, changes: Mapping[str, Mapping[int, float]]) -> list[str]:
        """Return the instruments that are changed by the trigger, if there are several."""
        if self._connection.trigger is None:
            return []
        able = [name for name in changes if isinstance(self.instruments[name], Triggered)]
        return able if len(able) > 1 else []

    def _fire(self) -> None:
        assert self._connection.trigger is not None
        master = self.instruments[self._connection.trigger.master]
        assert isinstance(master, Triggered)
        master.fire()

    def _check_master(self) -> None:
        trigger = self._connection.trigger
        if trigger is None:
            return
        able = [name for name, each in self.instruments.items() if isinstance(each, Triggered)]
        if trigger.master not in able:
            raise InvalidInput(
                f"trigger.master is {trigger.master!r}, which must be a QDAC-II of the rack; "
                f"those are: {', '.join(able) or 'none'}"
            )


def _begin(link: Link, unit: Unit) -> None:
    """Clear and reset the instrument if configured; log errors from its queue."""
    if unit.table.clear:
        link.ask("*CLS;*OPC?")
    if unit.table.reset:
        link.ask("*RST;*OPC?", extra_s=10.0)
    for error in link.errors():
        logger.warning("%s had error %s in its queue before this run", link, error)


GROUP = "oscilab.instruments"
INSTRUMENTS: Mapping[str, InstrumentKind] = {
    "qdac2": InstrumentKind(Qdac2Table, Qdac2),
    "keysight33500": InstrumentKind(Keysight33500Table, Keysight33500),
    "daq970a": InstrumentKind(Daq970aTable, Daq970a),
    "generic": InstrumentKind(GenericTable, GenericInstrument),
}


def read_connection(connection: Mapping[str, object], name: str, where: str) -> Connection:
    """Return the table `connection` of device `name` with the front end `scpi`.

    `where` is its bench file, for messages.

    Raises:
        InvalidInput: an unknown kind of instrument, an unknown key or an invalid value.
        OscilabError: a kind is installed but cannot be used.
    """
    keys = ("devices", name, "connection")
    values = dict(connection)
    instruments = values.get("instruments")
    if isinstance(instruments, Mapping):
        values["instruments"] = {
            each: _read_instrument(table, where, (*keys, "instruments", each))
            for each, table in cast(Mapping[str, object], instruments).items()
        }
    return validated(Connection, values, where, keys)


def find_instrument(kind: str) -> InstrumentKind:
    """Return the kind of instrument named `kind`, built in or installed.

    Raises:
        InvalidInput: there is none; the message lists the known kinds.
        OscilabError: it is installed but cannot be used.
    """
    return find(GROUP, kind, INSTRUMENTS, InstrumentKind)


def _read_instrument(table: object, where: str, keys: tuple[str, ...]) -> object:
    if not isinstance(table, Mapping):
        return table
    values = cast(Mapping[str, object], table)
    path = key_path([*keys, "kind"])
    if "kind" not in values:
        raise InvalidInput(f"{where}: {path} is missing; add it")
    names = known(GROUP, INSTRUMENTS)
    kind = values["kind"]
    if not isinstance(kind, str) or kind not in names:
        listed = ", ".join(map(repr, names))
        raise InvalidInput(f"{where}: {path} is {kind!r}, but must be one of {listed}")
    return validated(find_instrument(kind).table, values, where, keys)
