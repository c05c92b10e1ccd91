"""The second seam: a front end, in volts.

A driver implements `AnalogFrontEnd` and nothing else, and never sees a bench file. Wiring,
calibration, limits, ramps and interlocks are above it. Its channels and capabilities are known
before it is connected, so that a bench can be checked without touching hardware.

What only some boards can do is a protocol of its own: count what was played, guard outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from oscilab.arrays.description import Identity
from oscilab.bench.devices import Device
from oscilab.errors import DeviceFailed
from oscilab.types import IntArray, Volts
from oscilab.wired.channels import ChannelTable
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.limits import Limits
from oscilab.wired.waveform import Waveform


class FrontEndCapability(StrEnum):
    """What a front end can do beyond setting and reading lines."""

    HARDWARE_TIMED = "hardware_timed"
    """`exchange` plays waveforms by a clock of the hardware."""
    OUTPUT_READBACK = "output_readback"
    """`read_outputs` tells what the outputs are at."""
    WATCHDOG = "watchdog"
    """Outputs go to their safe values by themselves when the host falls silent.

    The driver feeds it from `connect` to `close`, also between calls. Once it has tripped, every
    call that drives raises `InterlockTripped`.
    """
    DIGITAL_INTERLOCK = "digital_interlock"
    """A digital input can stop the outputs without the host."""
    LIVE_INPUTS = "live_inputs"
    """`read_inputs` may be called while another thread is in `exchange` or `pause`."""


class Aborted(DeviceFailed):
    """A waveform was stopped by `abort` before its end."""


@dataclass(frozen=True, eq=False)
class Samples:
    """What came in: `volts` `[input, repeat, reading]`, and the rate that the clock really had.

    The volts, float64 or float32, belong to the caller, who converts them in place.
    """

    volts: Volts
    rate_hz: float


@runtime_checkable
class AnalogFrontEnd(Protocol):
    """A board, or a rack of instruments, that speaks volts.

    Vectors of outputs `[output]` follow `channels.outputs`; digital lines take 0.0 and 1.0.

    Calls may come from any thread, one at a time. Two may also come while another thread is in
    `exchange` or `pause`: `abort`, and with `LIVE_INPUTS` `read_inputs`.
    """

    @property
    def channels(self) -> ChannelTable:
        """Every line; known before `connect`, which refuses hardware that differs."""
        ...

    @property
    def capabilities(self) -> frozenset[FrontEndCapability]:
        """What it can do beyond setting and reading lines."""
        ...

    @property
    def hardware(self) -> str | None:
        """What no two processes may drive at once, such as "serial /dev/ttyACM0".

        None where every process has its own, as of a simulation.
        """
        ...

    def connect(self) -> Identity:
        """Open the hardware, drive nothing, and say which device it is.

        Raises:
            DeviceFailed: it is not there, or not as described.
        """
        ...

    def close(self) -> None:
        """Release the hardware, outputs as they are; idempotent."""
        ...

    def read_outputs(self) -> Volts:
        """Return what the outputs are at, `[output]`; only with `OUTPUT_READBACK`."""
        ...

    def set_outputs(self, volts: Volts) -> None:
        """Put every output at `volts` `[output]` at once, such as `[0.5, -1.2, 1.0]`."""
        ...

    def read_inputs(self, inputs: Sequence[str], samples: int = 1) -> Volts:
        """Return `samples` readings of the named inputs, `[input, sample]`.

        While a waveform plays (`LIVE_INPUTS`) it is asked for one reading of the interlocks' lines,
        which are among the inputs of that `exchange`. The newest sample will do, if it is no older
        than 50 ms.
        """
        ...

    def pause(self, seconds: float) -> None:
        """Wait for `seconds` of the front end's own time; outputs hold."""
        ...

    def exchange(
        self,
        waveform: Waveform,
        rate_hz: float,
        inputs: Sequence[str],
        read: IntArray,
    ) -> Samples:
        """Play `waveform` and read the named inputs, by one clock and one trigger.

        Sample k of the inputs is taken as sample k of the outputs ends. `read` `[reading]` are the
        samples of each repeat to return, ascending; a driver drops the others as they come in.
        Outputs stay at the last level. Only with `HARDWARE_TIMED`.

        Raises:
            Aborted: `abort` was called meanwhile.
            DeviceFailed: samples were lost.
        """
        ...

    def abort(self) -> None:
        """Stop `exchange` or `pause`, from another thread, within 50 ms; outputs hold."""
        ...

    def make_safe(self) -> None:
        """Bring outputs to safe values by the hardware's own means, where no ramp is possible."""
        ...


@runtime_checkable
class CountingFrontEnd(Protocol):
    """What a front end offers as well that knows how far a waveform came before it was cut short.

    Without it, and without `OUTPUT_READBACK`, the ramp to safe values starts from a guess.
    """

    def played(self, waveform: Waveform) -> int | None:
        """Stop `waveform`, whose `exchange` did not return; return how many samples went out.

        Outputs hold. Samples of all repeats count; 0 where it never began, None where that cannot
        be told any more. Raises nothing.
        """
        ...


@runtime_checkable
class GuardingFrontEnd(Protocol):
    """What a front end offers as well whose board guards its outputs by itself."""

    def guard(self, limits: Limits, interlocks: Interlocks) -> None:
        """Take over what the outputs may do, and what inputs must show; once, before `connect`.

        The board is told when it is connected. The host checks all of it as well.

        Raises:
            InvalidInput: the board cannot guard all of these outputs.
        """
        ...


@runtime_checkable
class SimulatedFrontEnd(Protocol):
    """What a front end offers as well whose board and matter are simulated in this process."""

    def simulate(self, device: Device) -> None:
        """Build what stands behind the lines that the bench wires; once, before anything else.

        Raises:
            InvalidInput: a bench that cannot be used.
        """
        ...


@runtime_checkable
class SeededFrontEnd(Protocol):
    """What a front end offers as well whose random numbers a run's seed may begin."""

    def reseed(self, seed: int) -> None:
        """Restart the random numbers of bath and sensors; which board it is stays as it is."""
        ...


class FrontEndKind(Protocol):
    """What a class of the group `oscilab.front_ends` offers, so that a bench can describe it."""

    @classmethod
    def from_bench(cls, connection: Mapping[str, object], name: str, where: str) -> AnalogFrontEnd:
        """Return the front end that the table `connection` of device `name` describes.

        `where` names the bench file, for messages. Nothing is connected yet.

        Raises:
            InvalidInput: an unknown key or a value that cannot be used.
        """
        ...
