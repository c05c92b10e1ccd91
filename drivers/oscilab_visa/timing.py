"""How fast a rack is: settling of outputs, readings a second, and what that means."""

from __future__ import annotations

from collections.abc import Mapping

from oscilab_visa.connection import Connection
from oscilab_visa.instrument import RackInstrument

COMMAND_S = 2e-3
"""A message to an instrument and its answer, over a local network."""


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
