"""What a wired array costs above its front end: client CPU time of one measured batch.

    python benchmarks/wired_overhead.py

72 oscillators, so 73 lines out and 144 in, 1000 clamp points of one sample each; position sensors
have offsets, as calibrated ones do. The front end returns at once: it does with the samples what
the least driver must, and waits for nothing.

- `float64`: writes the waveform out to samples, checks that they are finite and in range, and
  copies them to where they are sent from; copies what came in. NI's driver takes such samples.
- `int16`: makes converter codes of them instead, and volts of the codes that came in, as for
  a board that speaks codes.

The shares are of the median batch; the least batch shows what the machine can do when it is let.
15 % of a driver that does no more than this is out of reach: it goes over the samples four times,
and so does whoever checks set-points, makes volts of them, checks these, checks what came in and
makes readings of it. What a real driver takes is another matter, and the last line: the client of
nidaqmx by gRPC, with a server that answers from memory, for 64 lines out and 16 in, fewer than
here (`drivers/benchmarks/nidaq_overhead.py`; not told where that package is not installed).
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
CODES_A_VOLT = 3276.0


def float64_driver(samples, sent, came):
    """Check, copy out, copy in."""
    if not (samples.min() >= -10.0 and samples.max() <= 10.0):
        raise ValueError("out of range")
    np.copyto(sent, samples)
    return came.copy()


def int16_driver(samples, sent, came):
    """Check, codes out, volts in."""
    if not (samples.min() >= -10.0 and samples.max() <= 10.0):
        raise ValueError("out of range")
    np.rint(samples * CODES_A_VOLT, out=sent, casting="unsafe")
    return came * (1 / CODES_A_VOLT)


class AtOnce:
    """A front end that plays nothing and reads what was made beforehand."""

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
    codes = np.rint(volts * CODES_A_VOLT).astype(np.int16)
    points = rng.uniform(-4, 4, (POINTS, 72))
    print(f"{'front end':10}{'its own':>12}{'above it':>12}{'share':>9}{'least above it':>18}")
    least = np.inf
    for name, driver, came in (("float64", float64_driver, volts), ("int16", int16_driver, codes)):
        front_end = AtOnce(channels, driver, came)
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
    tell_of_nidaqmx(least)


def with_offsets(parts: Wired) -> Wired:
    """The device as a calibration leaves it: position sensors with offsets, references without."""
    lines = dict(parts.calibration.lines)
    for number, channel in enumerate(parts.wiring.positions):
        lines[channel] = lines[channel].model_copy(update={"offset": 1e-3 * (number % 7 + 1)})
    return replace(parts, calibration=replace(parts.calibration, lines=lines))


def tell_of_nidaqmx(above_ms: float) -> None:
    """The share of what the client of nidaqmx takes by itself, where it is installed."""
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
