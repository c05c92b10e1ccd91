"""The instruments of a rack: made as the bench file says, opened, set together, switched off."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab_visa.clock import Clock, HostClock, InstrumentClock
from oscilab_visa.connection import Connection, GenericTable, Unit, units_of
from oscilab_visa.daq970a import Daq970a
from oscilab_visa.generic import GenericInstrument
from oscilab_visa.instrument import RackInstrument, Triggered
from oscilab_visa.keysight33500 import Keysight33500
from oscilab_visa.library import clock_unit, resource_manager
from oscilab_visa.link import ERROR, Link
from oscilab_visa.qdac2 import Qdac2

logger = logging.getLogger(__name__)
CLOCK = "its clock"


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
            self.instruments[unit.name] = _instrument(unit, connection)
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
        """Let go of all instruments, outputs as they are; idempotent."""
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


def _instrument(unit: Unit, connection: Connection) -> RackInstrument:
    kinds: dict[str, Callable[[], RackInstrument]] = {
        "qdac2": lambda: Qdac2(unit, connection.trigger),
        "keysight33500": lambda: Keysight33500(unit),
        "daq970a": lambda: Daq970a(unit),
        "generic": lambda: GenericInstrument(unit),
    }
    return kinds[unit.table.kind]()
