"""The QDevil QDAC-II: 24 channels that hold levels, and apply new ones at a trigger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oscilab.errors import DeviceFailed, InvalidInput
from oscilab.types import Volts
from oscilab.wired.channels import Channel
from oscilab_visa.connection import Qdac2Table, Unit, numbers_in
from oscilab_visa.instrument import Linked, identified, no_inputs
from oscilab_visa.link import Link

CHANNELS = range(1, 25)
RANGE_V = {"high": 10.0, "low": 2.0}
STEPS = 2**24
"""Steps of a converter; its noise is larger than one."""
TRACE_HZ = 1e6
INTERNAL = 1
"""The internal trigger of the rack."""


class Qdac2(Linked):
    """Channels whose levels are set at once, or staged for the rack's trigger.

    Its read-back returns the requested levels; it does not measure its outputs.
    """

    reads_back = True

    def __init__(self, unit: Unit) -> None:
        table, trigger = unit.table, unit.trigger
        assert isinstance(table, Qdac2Table)
        self.name, self._table, self._serial = unit.name, table, unit.serial
        where = f"instruments.{unit.name}"
        self._numbers = numbers_in(table.channels, f"{where}.channels")
        self._switches = {int(key): pair for key, pair in table.switches.items() if key.isdigit()}
        for number in (*self._numbers, *self._switches):
            if number not in CHANNELS:
                raise InvalidInput(f"{where}: a QDAC-II has channels 1 to 24, not {number}")
        if len(self._switches) < len(table.switches):
            raise InvalidInput(f"{where}.switches must be called by channel, such as 24")
        self._numbers = [n for n in self._numbers if n not in self._switches] + [*self._switches]
        reach = RANGE_V[table.range]
        self.outputs = [self._channel(number, reach) for number in self._numbers]
        self.inputs: Sequence[Channel] = ()
        self._trigger = trigger
        self._is_master = trigger is not None and trigger.master == unit.name
        self._ready: set[int] = set()
        self._triggers_ready = False

    def _channel(self, number: int, reach: float) -> Channel:
        name = f"{self.name}_{number}"
        if number in self._switches:
            return Channel(name, "digital", "out")
        return Channel(name, "analog", "out", -reach, reach, 2 * reach / STEPS)

    def connect(self, link: Link) -> str:
        """See `RackInstrument`; a channel in a range other than in the bench file is refused."""
        self._link = link
        self._ready.clear()
        self._triggers_ready = False
        _, serial = identified(link, ["QDAC-II"], self._serial)
        numbers = self._numbers
        ranges = link.ask(f"SOUR:RANG? {_list(numbers)}").split(",")
        for number, found in zip(numbers, ranges, strict=False):
            if not found.strip().lower().startswith(self._table.range):
                raise DeviceFailed(
                    f"{link} has channel {number} in its {found.strip().lower()} range, not the "
                    f"{self._table.range} one that the bench file says; change it by hand with "
                    "the output at 0 V, because the switch-over may glitch"
                )
        return serial

    def read_outputs(self) -> list[float]:
        """Return the levels that were set last; switches as 0 and 1."""
        levels = self.link.numbers(f"SOUR:VOLT? {_list(self._numbers)}", len(self._numbers))
        return [self._level(n, volts) for n, volts in zip(self._numbers, levels, strict=True)]

    def set(self, levels: Mapping[int, float]) -> None:
        """Set outputs in one message."""
        self._prepare(levels)
        self._send(":SOUR{}:VOLT {}", levels)

    def stage(self, levels: Mapping[int, float]) -> None:
        """Stage levels for the trigger."""
        self._prepare(levels)
        if not self._triggers_ready:
            self._prepare_triggers()
        self._send(":SOUR{}:VOLT:TRIG {}", levels)
        self.link.command(f"SOUR:DC:INIT {_list([self._numbers[n] for n in levels])}")

    def fire(self) -> None:
        """Send the rack's trigger."""
        self.link.command(f"TINT {INTERNAL}")

    def upload(self, output: int, volts: Volts) -> None:
        """Load a waveform `[sample]` at 1 MS/s, played at the rack's trigger.

        Raises:
            DeviceFailed: the instrument refuses it.
        """
        number = self._numbers[output]
        level = self.read_outputs()[output]
        trace = f"oscilab{number}"
        self.link.command(f'TRAC:DEF "{trace}",{len(volts)}')
        self.link.upload(f'TRAC:DATA "{trace}",', (volts - level).tolist(), "f", False)
        source = f"INT{INTERNAL}" if self._is_master else f"EXT{self._input}"
        self.link.command(
            f':SOUR{number}:AWG:DEF "{trace}";:SOUR{number}:AWG:SCAL 1;:SOUR{number}:AWG:OFFS 0;'
            f":SOUR{number}:AWG:COUN 1;:SOUR{number}:AWG:TRIG:SOUR {source};"
            f":SOUR{number}:AWG:INIT"
        )
        if not self._triggers_ready:
            self._prepare_triggers()

    def read(self, names: Sequence[str], samples: int) -> Volts:
        """Refuse: there are no inputs."""
        raise no_inputs(self._link, names)

    def seconds(self, names: Sequence[str]) -> float:
        """Return zero; there are no inputs."""
        return 0.0

    def off(self) -> None:
        """Stop playback, and set all channels to 0 V, switches as well."""
        self._triggers_ready = False
        self.link.command("ABOR")
        self.link.command(f"SOUR:ALL:ABOR {_list(self._numbers)}")
        self.link.command(f"SOUR:VOLT 0,{_list(self._numbers)}")

    @property
    def _input(self) -> int:
        return self._trigger.input if self._trigger is not None else 1

    def _prepare(self, levels: Mapping[int, float]) -> None:
        fresh = [self._numbers[n] for n in levels if n not in self._ready]
        if fresh:
            self.link.command(f"SOUR:VOLT:MODE FIX,{_list(fresh)}")
            self._ready |= set(levels)

    def _prepare_triggers(self) -> None:
        if self._is_master:
            assert self._trigger is not None
            self.link.command(f"OUTP:TRIG{self._trigger.output}:SOUR INT{INTERNAL}")
            source = f"INT{INTERNAL}"
        else:
            source = f"EXT{self._input}"
        self.link.command(f"SOUR:DC:TRIG:SOUR {source},{_list(self._numbers)}")
        self._triggers_ready = True

    def _send(self, form: str, levels: Mapping[int, float]) -> None:
        parts = [
            form.format(self._numbers[n], repr(self._volts(self._numbers[n], level)))
            for n, level in levels.items()
        ]
        self.link.command(";".join(parts))

    def _volts(self, number: int, level: float) -> float:
        pair = self._switches.get(number)
        return float(level) if pair is None else pair[1 if level > 0.5 else 0]

    def _level(self, number: int, volts: float) -> float:
        pair = self._switches.get(number)
        return volts if pair is None else float(abs(volts - pair[1]) < abs(volts - pair[0]))


def _list(numbers: Sequence[int]) -> str:
    return f"(@{','.join(map(str, numbers))})"
