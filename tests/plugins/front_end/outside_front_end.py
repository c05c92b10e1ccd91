"""Two springs, set and read point by point; a volt is 20 kT of force or stiffness."""

import numpy as np

from oscilab.arrays import Identity
from oscilab.wired.channels import Channel, ChannelTable
from oscilab.wired.front_end import AnalogFrontEnd, FrontEndCapability

OUTPUTS = [Channel(f"ao{n}", "analog", "out", -10, 10) for n in range(6)]
INPUTS = [Channel(f"ai{n}", "analog", "in", -10, 10) for n in range(4)]


class Springs(AnalogFrontEnd):
    channels = ChannelTable([*OUTPUTS, Channel("do0", "digital", "out"), *INPUTS], 1e4)
    capabilities = frozenset({FrontEndCapability.OUTPUT_READBACK})
    hardware = None

    @classmethod
    def from_bench(cls, connection, name, where):
        springs = cls()
        springs.unit_s, springs.rng = connection["unit_s"], np.random.default_rng(0)
        springs.volts, springs.x = np.zeros(7), np.zeros(2)
        return springs

    def connect(self):
        return Identity("desk", "springs")

    def read_outputs(self):
        return self.volts.copy()

    def set_outputs(self, volts):
        self.volts = np.array(volts)
        self.pause(0.0)

    def read_inputs(self, inputs, samples=1):
        seen = [*self.x, *(self.volts[2:4] * self.x + self.volts[:2]) / 10]
        return np.array([[seen[int(name[2:])]] * samples for name in inputs])

    def pause(self, seconds):
        bias, stiffness = 20 * self.volts[:2], 20 * self.volts[2:4] + 1e-9
        left = np.exp(-stiffness * seconds / self.unit_s)
        spread = np.sqrt((1 - left**2) / stiffness) * self.rng.normal(size=2)
        moved = self.x * left - bias / stiffness * (1 - left) + spread
        self.x = self.volts[4:6] if self.volts[6] > 0.5 else moved

    def make_safe(self):
        self.set_outputs(np.zeros(7))
