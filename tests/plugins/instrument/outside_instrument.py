"""A bench supply with two outputs and its own commands: VOLT1 0.5, VOLT1?"""

from oscilab.wired.channels import Channel
from oscilab_sim.scpi.instrument import Instrument
from oscilab_visa.connection import InstrumentTable
from oscilab_visa.instrument import InstrumentKind, identified


class SupplyTable(InstrumentTable):
    reach_V: float = 10.0


class Supply:
    reads_back, inputs = True, ()

    def __init__(self, unit):
        self.serial, reach = unit.serial, unit.table.reach_V
        self.outputs = [Channel(f"{unit.name}_{n}", "analog", "out", -reach, reach) for n in "12"]

    def connect(self, link):
        self.link = link
        return identified(link, ["ACME"], self.serial)[1]

    def read_outputs(self):
        return [self.link.numbers(f"VOLT{n}?", 1)[0] for n in (1, 2)]

    def set(self, levels):
        for output, volts in levels.items():
            self.link.command(f"VOLT{output + 1} {volts!r}")

    def seconds(self, names):
        return 0.0

    def off(self):
        self.set({0: 0.0, 1: 0.0})


def twin(unit, serial, backplane):
    found, levels = Instrument(f"ACME,SUPPLY,{serial},1"), {1: 0.0, 2: 0.0}

    def put(call):
        levels[call.suffixes[0]] = call.number(0, "V", -10, 10)
        backplane.drive({f"{unit.name}_{n}": volts for n, volts in levels.items()})

    found.tree.add("VOLTage#", put, lambda call: repr(levels[call.suffixes[0]]))
    return found


SUPPLY = InstrumentKind(SupplyTable, Supply, twin)
