"""The reading memory of a DAQ970A, and how readings are told."""

from __future__ import annotations

from dataclasses import dataclass

from oscilab_sim.scpi.call import Call, block_of
from oscilab_sim.scpi.daq970a_settings import MOST_READINGS
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.settings import SettingsTable
from oscilab_sim.scpi.tree import CommandTree


@dataclass(frozen=True)
class Reading:
    """One reading in memory; what a digital port reads has no `unit`."""

    value: float
    unit: str
    channel: int
    seconds: float


class ReadingMemory:
    """Readings since the last scan was initiated, and the commands that fetch or take them.

    `settings` has what is told with each of them: unit, time, channel, alarm.
    """

    def __init__(self, settings: SettingsTable) -> None:
        self._settings = settings
        self._readings: list[Reading] = []

    def add_commands(self, tree: CommandTree) -> None:
        """Those that read memory and do nothing else."""
        tree.add("FETCh", ask=lambda call: self.told())
        tree.add("R", ask=lambda call: self._taken(call, as_block=True))
        tree.add("DATA:REMove", ask=lambda call: self._taken(call, as_block=False))
        tree.add("DATA:LAST", ask=lambda call: self._all_told(self._readings[-1:]))

    def __len__(self) -> int:
        return len(self._readings)

    def add(self, readings: list[Reading]) -> None:
        """Readings of one scan; the oldest of too many are lost."""
        self._readings += readings
        del self._readings[:-MOST_READINGS]

    def clear(self) -> None:
        """Forget all."""
        self._readings.clear()

    def told(self) -> str:
        """All readings, which stay.

        Raises:
            ScpiError: there are none.
        """
        return self._all_told(self._readings)

    def _taken(self, call: Call, as_block: bool) -> str:
        call.expect(0 if as_block else 1, 1)
        most = call.integer(0, 1, MOST_READINGS) if call.has(0) else len(self)
        if most > len(self) and not as_block:
            raise ScpiError(-222)
        readings, self._readings = self._readings[:most], self._readings[most:]
        text = self._all_told(readings) if readings else ""
        return block_of(text.encode()) if as_block else text

    def _all_told(self, readings: list[Reading]) -> str:
        if not readings:
            raise ScpiError(-230)
        begin = readings[0].seconds
        return ",".join(self._one_told(reading, begin) for reading in readings)

    def _one_told(self, reading: Reading, begin: float) -> str:
        parts = [figure(reading.value)]
        if self._settings.number("with unit") and reading.unit:
            parts[0] += f" {reading.unit}"
        if self._settings.number("with time"):
            parts.append(f"{reading.seconds - begin:012.3f}")
        if self._settings.number("with channel"):
            parts.append(str(reading.channel))
        if self._settings.number("with alarm"):
            parts.append("0")
        return ",".join(parts)


def figure(value: float) -> str:
    """A number as a DAQ970A writes it: `+1.50000000E+00`."""
    return f"{value:+.8E}"
