"""What a wired array adds to its front end: client CPU time of one measured batch.

    python tests/benchmark_wired_overhead.py

The front end returns at once with readings made beforehand: 72 oscillators, so 144 inputs and 73
clamp lines, 1000 clamp points, one sample each. The front end's own time is what the least driver
must do with such a batch: write the waveform out to float64 samples of its lines and take in the
readings.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from oscilab.arrays import Identity
from oscilab.bench import Bench, Device
from oscilab.bench.schema import DeviceTable
from oscilab.wired import FrontEndCapability, Samples, WiredArray, parts_of

POINTS, ROUNDS = 1000, 30
TABLE = {
    "array": "wired",
    "front_end": "virtual",
    "topology": {"kind": "lattice", "rows": 8, "columns": 9, "radius": 1.0},
    "terms": ["bias", "stiffness", "quartic", "coupling"],
    "wiring": {"in_order": True},
    "limits": {
        "outputs": {"range": [-10.0, 10.0], "slew": 1e9, "safe": 0.0},
        "clamp_enable": {"safe": True},
    },
}


class AtOnce:
    """A front end that plays nothing and reads what it was given."""

    capabilities = frozenset({FrontEndCapability.HARDWARE_TIMED})
    hardware = None

    def __init__(self, channels, readings):
        self.channels = channels
        self.readings = readings
        self.spent = 0.0
        self.write = False

    def connect(self):
        return Identity("at-once", "none")

    def close(self):
        pass

    def set_outputs(self, volts):
        pass

    def read_inputs(self, inputs, samples=1):
        return np.zeros((len(inputs), samples))

    def pause(self, seconds):
        pass

    def exchange(self, waveform, rate_hz, inputs, read):
        began = time.process_time()
        if self.write:
            waveform.expand(0, waveform.length)
            volts = self.readings.copy()
        else:
            volts = self.readings
        self.spent += time.process_time() - began
        return Samples(volts, rate_hz)

    def abort(self):
        pass

    def make_safe(self):
        pass


def main() -> None:
    """Time both kinds and print the shares."""
    from dataclasses import replace

    settings = {"start": "assume-safe"}
    table = DeviceTable.model_validate({**TABLE, "settings": settings})
    parts = parts_of(Device("rack", table, Bench(Path("bench.toml").absolute(), "", {})))
    rng = np.random.default_rng(0)
    readings = rng.uniform(-5, 5, (144, 1, POINTS))
    front_end = AtOnce(parts.front_end.channels, readings)
    array = WiredArray(replace(parts, front_end=front_end), parts.potential)
    theta = array.description.potential.vector(stiffness=2.0)
    points = rng.uniform(-4, 4, (POINTS, 72))
    array.measure_forces(theta, points)
    for write in (False, True):
        front_end.write, front_end.spent = write, 0.0
        began = time.process_time()
        for _ in range(ROUNDS):
            array.measure_forces(theta, points)
        total = (time.process_time() - began) / ROUNDS
        own = front_end.spent / ROUNDS
        batch_s = POINTS / 1e5
        print(
            f"front end {'writes samples out' if write else 'does nothing      '}: "
            f"{1e3 * total:.2f} ms a batch, {1e3 * own:.2f} ms of it the front end's, "
            f"{1e3 * (total - own):.2f} ms above it: {(total - own) / batch_s:.0%} of the "
            f"{1e3 * batch_s:.0f} ms that 1000 samples take at 100 kS/s"
        )


if __name__ == "__main__":
    main()
