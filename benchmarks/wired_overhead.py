"""Measure the overhead of a wired array above its front end: client CPU time per measured batch.

    python benchmarks/wired_overhead.py

There are 72 oscillators, hence 73 output and 144 input lines, and 1000 clamp points of one sample
each. Position sensors have offsets, as calibrated ones do. The front end does only what any driver
must do with the samples, and does not wait.

- `float64`: expands the waveform to samples, checks that they are finite and in range, and copies
  them to a send buffer; copies the received samples. NI's driver takes such samples.
- `int16`: converts samples to converter codes, and received codes to volts.

Shares are those of the median batch; the fastest batch shows what an unloaded machine can do. An
overhead of 15 % over such a driver is impossible: the driver passes over the samples four times,
and so does code that checks set-points, converts them to volts, checks these, and checks and
converts what came in. The last line compares with a real driver: the nidaqmx client by gRPC, with a
server that answers from memory, for 64 outputs and 16 inputs, fewer than here
(`drivers/benchmarks/nidaq_overhead.py`; omitted if nidaqmx is not installed).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from oscilab.arrays import Identity
from oscilab.bench import Bench, Device
from oscilab.bench.schema import DeviceTable
from oscilab.wired import FrontEndCapability, Samples, Wired, WiredArray, parts_of

POINTS, ROUNDS = 1000, 200
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
    "settings": {"start": "assume-safe"},
}
CODES_PER_VOLT = 3276.0


def float64_driver(samples, sent, came):
    """Check the samples, copy them out, and return a copy of the readings."""
    if not (samples.min() >= -10.0 and samples.max() <= 10.0):
        raise ValueError("out of range")
    np.copyto(sent, samples)
    return came.copy()


def int16_driver(samples, sent, came):
    """Check the samples, convert them to codes, and return the readings in volts."""
    if not (samples.min() >= -10.0 and samples.max() <= 10.0):
        raise ValueError("out of range")
    np.rint(samples * CODES_PER_VOLT, out=sent, casting="unsafe")
    return came * (1 / CODES_PER_VOLT)


class InstantFrontEnd:
    """A front end that plays nothing and returns prepared readings."""

    capabilities = frozenset({FrontEndCapability.HARDWARE_TIMED})
    hardware = None

    def __init__(self, channels, driver: Callable, came):
        self.channels = channels
        self.driver, self.came = driver, came
        self.sent = np.empty((len(channels.outputs), POINTS))
        self.spent = 0.0

    def connect(self):
        """See `AnalogFrontEnd`."""
        return Identity("at-once", "none")

    def close(self):
        """See `AnalogFrontEnd`."""

    def set_outputs(self, volts):
        """See `AnalogFrontEnd`."""

    def read_inputs(self, inputs, samples=1):
        """See `AnalogFrontEnd`."""
        return np.zeros((len(inputs), samples))

    def pause(self, seconds):
        """See `AnalogFrontEnd`."""

    def exchange(self, waveform, rate_hz, inputs, read):
        """See `AnalogFrontEnd`."""
        began = time.process_time()
        samples = waveform.expand(0, waveform.length)
        volts = self.driver(samples, self.sent[: len(samples)], self.came)
        self.spent += time.process_time() - began
        return Samples(volts, rate_hz)

    def abort(self):
        """See `AnalogFrontEnd`."""

    def make_safe(self):
        """See `AnalogFrontEnd`."""


def main() -> None:
    """Time the front ends and print the shares."""
    table = DeviceTable.model_validate(TABLE)
    parts = with_offsets(
        parts_of(Device("rack", table, Bench(Path("bench.toml").absolute(), "", {})))
    )
    channels = parts.front_end.channels
    rng = np.random.default_rng(0)
    volts = rng.uniform(-5, 5, (2 * 72, 1, POINTS))
    codes = np.rint(volts * CODES_PER_VOLT).astype(np.int16)
    points = rng.uniform(-4, 4, (POINTS, 72))
    print(f"{'front end':10}{'its own':>12}{'above it':>12}{'share':>9}{'least above it':>18}")
    least = np.inf
    for name, driver, came in (("float64", float64_driver, volts), ("int16", int16_driver, codes)):
        front_end = InstantFrontEnd(channels, driver, came)
        array = WiredArray(replace(parts, front_end=front_end), parts.potential)
        theta = array.description.potential.vector(stiffness=2.0)
        own, above = np.empty(ROUNDS), np.empty(ROUNDS)
        for batch in range(-20, ROUNDS):
            front_end.spent = 0.0
            began = time.process_time()
            array.measure_forces(theta, points)
            own[batch] = front_end.spent
            above[batch] = time.process_time() - began - front_end.spent
        shares = f"{np.median(above) / np.median(own):.0%}"
        median = 1e3 * float(np.median(above))
        print(
            f"{name:10}{1e3 * np.median(own):9.2f} ms{median:9.2f} ms{shares:>9}"
            f"{1e3 * above.min():15.2f} ms"
        )
        least = min(least, median)
    print_nidaqmx(least)


def with_offsets(parts: Wired) -> Wired:
    """Return the device with offsets of the position sensors, as after a calibration."""
    lines = dict(parts.calibration.lines)
    for number, channel in enumerate(parts.wiring.positions):
        lines[channel] = lines[channel].model_copy(update={"offset": 1e-3 * (number % 7 + 1)})
    return replace(parts, calibration=replace(parts.calibration, lines=lines))


def print_nidaqmx(above_ms: float) -> None:
    """Print the share of the nidaqmx client's own time, if it is installed."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "drivers" / "benchmarks"))
    try:
        import nidaq_overhead as nidaq
    except ImportError:
        return
    bare_ms = statistics.median(nidaq.measured()[0])
    print(
        f"nidaqmx by gRPC takes {bare_ms:.1f} ms for {nidaq.LINES} lines out and {nidaq.INPUTS} in;"
        f" {above_ms:.2f} ms is {above_ms / bare_ms:.0%} of that"
    )


if __name__ == "__main__":
    main()
