"""The digital ports of a DAQ970A: bytes that are driven, or read where nothing was written."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from oscilab_sim.scpi.backplane import Backplane
from oscilab_sim.scpi.call import Call
from oscilab_sim.scpi.daq970a_memory import figure
from oscilab_sim.scpi.daq970a_modules import named
from oscilab_sim.scpi.tree import CommandTree


class DigitalPorts:
    """Ports by `numbers`: bit 3 of port 302 of the instrument `name` is the line `name_302_3`."""

    def __init__(self, name: str, backplane: Backplane, numbers: Collection[int]) -> None:
        self._name, self._backplane, self._numbers = name, backplane, numbers
        self._bytes: dict[int, int] = {}

    def add_commands(self, tree: CommandTree) -> None:
        """Those that write and read bytes."""
        tree.add("SOURce:DIGital:DATA[:BYTE]", self._set, self._ask)
        tree.add("[SENSe]:DIGital:DATA[:BYTE]", ask=self._read)

    def reset(self) -> None:
        """All lines low, all ports inputs."""
        self._write(dict.fromkeys(self._bytes, 0))
        self._bytes.clear()

    def byte(self, number: int) -> int:
        """What was written to a port, or else what stands at it."""
        if number in self._bytes:
            return self._bytes[number]
        lines = [f"{self._name}_{number}_{bit}" for bit in range(8)]
        bits = self._backplane.read(lines, 0.0)
        return sum(1 << bit for bit, level in enumerate(bits) if level > 0.5)

    def _set(self, call: Call) -> None:
        call.expect(2)
        value = call.integer(0, 0, 255)
        self._write(dict.fromkeys(named(call, 1, self._numbers), value))

    def _write(self, values: Mapping[int, int]) -> None:
        self._bytes.update(values)
        self._backplane.drive(
            {
                f"{self._name}_{port}_{bit}": float(value >> bit & 1)
                for port, value in values.items() for bit in range(8)
            }
        )  # fmt: skip

    def _ask(self, call: Call) -> str:
        numbers = named(call, 0, self._numbers)
        return ",".join(f"{self._bytes.get(number, 0):+d}" for number in numbers)

    def _read(self, call: Call) -> str:
        numbers = named(call, 0, self._numbers)
        return ",".join(figure(float(self.byte(number))) for number in numbers)
