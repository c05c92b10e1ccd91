"""The instruments of a rack: made as the bench file says, opened, timed, set, switched off."""

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
"""A message to an instrument and its answer, over a local network."""
logger = logging.getLogger(__name__)
CLOCK = "its clock"


class Clock(Protocol):
    """Seconds that pass."""

    def now(self) -> float:
        """Seconds from some beginning."""
        ...

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass.

        Raises:
            Aborted: `interrupt` was called meanwhile.
        """
        ...

    def catch_up(self) -> None:
        """Let pass what was waited for, where that was put off until it matters."""
        ...

    def interrupt(self) -> None:
        """End a wait, from another thread."""
        ...


class HostClock:
    """The computer's clock, whose waits may be late by what its operating system likes."""

    def __init__(self) -> None:
        self._stop = threading.Event()

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Wait, so that `interrupt` can end it."""
        self._stop.clear()
        if self._stop.wait(seconds):
            raise Aborted("a wait of the rack was aborted")

    def catch_up(self) -> None:
        """Nothing is put off."""

    def interrupt(self) -> None:
        """End a wait that is going on."""
        self._stop.set()


class InstrumentClock:
    """An instrument that answers when the time has passed.

    Waits add up until the next command to any instrument: nobody can tell, and a pause that is cut
    into many pieces costs one message.
    """

    def __init__(self, link: Link, table: ClockTable) -> None:
        self._link, self._table = link, table
        self._owed = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """What it tells, after all that was waited for."""
        self.catch_up()
        return self._link.numbers(self._table.now, 1)[0]

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass before the next command."""
        with self._lock:
            self._owed += seconds

    def catch_up(self) -> None:
        """Ask it to answer when they have passed."""
        with self._lock:
            owed, self._owed = self._owed, 0.0
            if owed > 0:
                self._link.ask(self._table.wait.format(seconds=owed), owed)

    def interrupt(self) -> None:
        """It cannot be told to stop; its wait ends by itself."""


class RackTiming:
    """`update_s` is what one change of outputs takes, `scan_s` reading every input once.

    One change needs a message to each instrument that changes, and then the slowest to settle.
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
        """Points a second at most: outputs changed and every input read once in each."""
        return 1 / (self.update_s + self.scan_s)

    def words(self) -> str:
        """For people, before a run."""
        return (
            f"not hardware timed: outputs settle within {self.update_s:.2g} s of a command, "
            f"a scan of all {self._inputs} inputs takes {self.scan_s:.2g} s, and a reading "
            "is taken somewhere within its scan"
        )


class Rack:
    """`instruments` by name, and `links` to them once they are connected.

    `clock` is the computer's, or the one that the connection names.
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
        """Open every instrument and see that it is the right one; their serial numbers.

        Raises:
            DeviceFailed: one does not answer, is another one, or is not as the bench file says.
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
        """Close all connections, outputs as they are; idempotent."""
        for link in self.links.values():
            link.close()

    def set(self, changes: Mapping[str, Mapping[int, float]]) -> None:
        """Levels by instrument and output: at one trigger where several can wait for it."""
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
        """Every instrument to zero volts or disconnected; a sentence for each that is lost."""
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
        """The instruments whose changes wait for one trigger, where there are several."""
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
    """Clear and reset where told; say what the error queue held before."""
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
        InvalidInput: an unknown kind of instrument, an unknown key or a value that cannot be used.
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
    """The instruments of that kind, oscilab's own or installed.

    Raises:
        InvalidInput: there is none; the message lists those that there are.
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
