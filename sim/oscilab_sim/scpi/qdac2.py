"""A virtual QDevil QDAC-II: 24 precise sources, triggers and waveforms.

Commands, forms and replies as the public drivers of QCoDeS use them. Sine, square, triangle and
sweep generators take their settings and answer, but do not move the array; what is played from a
trace or a list does. Its current sensors read zero.
"""

from __future__ import annotations

from collections.abc import Callable

from oscilab_sim.scpi.backplane import Backplane, Program
from oscilab_sim.scpi.call import Call, plain
from oscilab_sim.scpi.errors import ScpiError
from oscilab_sim.scpi.instrument import Instrument
from oscilab_sim.scpi.qdac2_settings import CHANNELS, GENERATORS, HIGH_V, TRIGGERS, add_settings
from oscilab_sim.scpi.qdac2_waveforms import Waveforms, repeated
from oscilab_sim.scpi.settings import SettingsTable

LOW_V = 2.0
AWG_HZ = 1e6


class Qdac2(Instrument):
    """`name` is the instrument's in the rack: its channel 3 drives the line `name_3`."""

    def __init__(self, name: str, serial: str, backplane: Backplane) -> None:
        super().__init__(f"QDevil, QDAC-II, {serial}, 13-1.57")
        self._name, self._backplane = name, backplane
        self.settings = SettingsTable(self.tree, CHANNELS, lists=True)
        self._staged: dict[int, float] = {}
        self._armed: set[tuple[str, int]] = set()
        self._waveforms = Waveforms()
        self.settings.keep("level", 0.0)
        add_settings(self.settings, self._rearmed)
        self._add_levels()
        self._add_starts()
        self._waveforms.add_commands(self.tree)
        self._add_sensors()
        backplane.listen(lambda: self._on_trigger("EXT1"))

    def reset(self) -> None:
        """Every channel to 0 V, nothing armed, no traces."""
        self.settings.reset()
        self._armed.clear()
        self._staged.clear()
        self._waveforms.clear()
        self._drive(dict.fromkeys(CHANNELS, 0.0))

    def trigger(self) -> None:
        """`*TRG` starts what waits for the bus."""
        self.busy_s += self._backplane.play(self._on_trigger("BUS"))

    def _add_levels(self) -> None:
        add = self.tree.add
        level = "[SOURce#][:DC]:VOLTage[:LEVel]"
        add(f"{level}[:IMMediate][:AMPLitude]", self._set_level, self._ask("level"))
        add(f"{level}:LAST", ask=self._ask("level"))
        add(f"{level}:TRIGgered", self._stage, self._ask_staged)

    def _add_starts(self) -> None:
        for generator in ("DC", *GENERATORS):
            for command, act in (("INITiate[:IMMediate]", self._arm), ("ABORt", self._disarm)):
                self.tree.add(f"SOURce#:{generator}:{command}", self._each(act, generator))
        for generator in GENERATORS:
            self.tree.add(f"SOURce#:{generator}:NCLeft", ask=self._none_left)
        self.tree.add("SOURce#:ALL:ABORt", self._each(self._disarm_all, ""))
        self.tree.add("ABORt", lambda call: self._armed.clear())
        self.tree.add("TINTernal", self._internal)
        self.tree.add("OUTPut:TRIGger#:SIGNal", lambda call: self._pulse())

    def _add_sensors(self) -> None:
        zeros = self._zeros
        self.tree.add("READ#", ask=zeros)
        self.tree.add("FETCh#", ask=zeros)
        self.tree.add("SENSe#:DATA:LAST", ask=zeros)
        self.tree.add("SENSe#:DATA:POINts", ask=lambda call: self._of_channel(call, "0"))
        self.tree.add("SENSe#:DATA:REMove", ask=zeros)
        self.tree.add("SENSe#:NCLeft", ask=lambda call: self._of_channel(call, "0"))
        self.tree.add("SENSe#:INITiate[:IMMediate]", self._each(lambda number, kind: None, ""))
        self.tree.add("SENSe#:ABORt", self._each(lambda number, kind: None, ""))

    def _set_level(self, call: Call) -> None:
        call.expect(1, 2)
        numbers = self.settings.named(call, 1)
        volts = [self._checked(call, number) for number in numbers]
        for number in numbers:
            self.settings.put("mode", number, "FIX")
        self._drive(dict(zip(numbers, volts, strict=True)))

    def _checked(self, call: Call, number: int) -> float:
        reach = LOW_V if self.settings.get("range", number) == "LOW" else HIGH_V
        return call.number(0, "V", -reach, reach)

    def _stage(self, call: Call) -> None:
        call.expect(1, 2)
        for number in self.settings.named(call, 1):
            self._staged[number] = self._checked(call, number)

    def _ask_staged(self, call: Call) -> str:
        numbers = self.settings.named(call, 0)
        return ",".join(
            plain(self._staged.get(n, self.settings.number("level", n))) for n in numbers
        )

    def _ask(self, name: str) -> Callable[[Call], str]:
        def ask(call: Call) -> str:
            call.expect(0, 1)
            numbers = self.settings.named(call, 0)
            return ",".join(plain(self.settings.number(name, number)) for number in numbers)

        return ask

    def _drive(self, volts: dict[int, float]) -> None:
        for number, value in volts.items():
            self.settings.put("level", number, value)
        self._backplane.drive({self._line(number): value for number, value in volts.items()})

    def _line(self, number: int) -> str:
        return f"{self._name}_{number}"

    def _each(self, act: Callable[[int, str], None], generator: str) -> Callable[[Call], None]:
        def run(call: Call) -> None:
            call.expect(0, 1)
            for number in self.settings.named(call, 0):
                act(number, generator)

        return run

    def _arm(self, number: int, generator: str) -> None:
        kind = _short(generator)
        source = self.settings.get(f"{kind} source", number)
        self._armed.add((kind, number))
        if source == "IMM":
            self.busy_s += self._backplane.play(self._start({(kind, number)}))

    def _rearmed(self, generator: str, number: int) -> None:
        if self.settings.number(f"{_short(generator)} again", number):
            self._arm(number, generator)
        else:
            self._disarm(number, generator)

    def _disarm(self, number: int, generator: str) -> None:
        self._armed.discard((_short(generator), number))

    def _disarm_all(self, number: int, generator: str) -> None:
        self._armed = {(kind, other) for kind, other in self._armed if other != number}

    def _internal(self, call: Call) -> None:
        call.expect(1)
        source = f"INT{call.integer(0, 1, 14)}"
        if source in [self.settings.get("trigger source", number) for number in TRIGGERS]:
            # The cable is part of the rack: what the output sends reaches every input at once.
            self.busy_s += self._backplane.pulse(lambda: self._on_trigger(source))
        else:
            self.busy_s += self._backplane.play(self._on_trigger(source))

    def _pulse(self) -> None:
        self.busy_s += self._backplane.pulse()

    def _on_trigger(self, source: str) -> list[Program]:
        waiting = {
            (kind, number) for kind, number in self._armed
            if self.settings.get(f"{kind} source", number) == source
        }  # fmt: skip
        return self._start(waiting)

    def _start(self, waiting: set[tuple[str, int]]) -> list[Program]:
        kept = {each for each in waiting if self.settings.number(f"{each[0]} again", each[1])}
        self._armed -= waiting - kept
        begun = [n for kind, n in waiting if kind == "DC" and n in self._staged]
        levels = {number: self._staged.pop(number) for number in begun}
        self._drive(levels)
        return [
            program for kind, number in sorted(waiting)
            if (program := self._program(kind, number)) is not None
        ]  # fmt: skip

    def _program(self, kind: str, number: int) -> Program | None:
        level = self.settings.number("level", number)
        if kind == "AWG":
            trace = self._waveforms.traces.get(str(self.settings.get("AWG trace", number)))
            if trace is None:
                self.note(ScpiError(-221))
                return None
            shape = trace * self.settings.number("AWG scale", number)
            volts = level + shape + self.settings.number("AWG offset", number)
            count = self.settings.number("AWG count", number)
            return Program(self._line(number), repeated(volts, count), AWG_HZ, level)
        if kind == "DC" and self._plays_list(number):
            rate = 1 / self.settings.number("LIST dwell", number)
            count = self.settings.number("LIST count", number)
            volts = repeated(self._waveforms.lists[number], count)
            self.settings.put("level", number, float(volts[-1]))
            return Program(self._line(number), volts, rate, float(volts[-1]))
        return None

    def _plays_list(self, number: int) -> bool:
        return self.settings.get("mode", number) == "LIST" and number in self._waveforms.lists

    def _none_left(self, call: Call) -> str:
        return self._of_channel(call, "0")

    def _of_channel(self, call: Call, reply: str) -> str:
        return ",".join(reply for _ in self.settings.named(call, 0))

    def _zeros(self, call: Call) -> str:
        call.expect(0, 1)
        return self._of_channel(call, "0.0")


def _short(generator: str) -> str:
    return "".join(letter for letter in generator if not letter.islower())
