"""What a run is about to do to the hardware, in words, before it does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from oscilab.wired.array import WiredArray

TIMING = "timing"
"""What a front end without a sample clock says of itself, among the details of its identity."""


def hardware_plan(array: WiredArray, points: int, played: float) -> dict[str, str]:
    """Channels, largest volts and slew, and the time under drive.

    `points` are clamp points, `played` the array time of all playbacks together.
    """
    limits, lines, description = array.drive.limits, array.lines, array.description
    channels = array.wired.front_end.channels
    settings = array.wired.settings
    box, scale = description.box, lines.parameter_scale
    ends = np.stack([scale.volts(box.lower), scale.volts(box.upper)])
    clamps = np.stack([
        lines.clamp_scale.volts(description.clamp_lower),
        lines.clamp_scale.volts(description.clamp_upper),
    ])  # fmt: skip
    largest = max(float(np.abs(ends).max(initial=0)), float(np.abs(clamps).max()))
    analog = limits.wired & ~channels.digital_outputs
    slew = limits.slew[analog]
    step = (array.settle_samples(array.rate_hz) + settings.average) / array.rate_hz
    seconds = points * step + played * lines.units.time
    wired = [
        channel.name for channel, used in zip(channels.outputs, limits.wired, strict=True) if used
    ]
    found = {
        "outputs": f"{len(wired)}, {wired[0]} to {wired[-1]}, go to their safe values first and "
        "last",
        "volts": f"at most {largest:.4g} V, at most {slew.max():.3g} V/s",
        "driving": f"{_duration(seconds)} or more, at most {array.rate_hz:g} samples/s",
    }
    names = ", ".join(array.drive.interlocks.locks)
    if names:
        found["interlocks"] = f"{names}, {array.drive.watching}"
    if TIMING in description.identity.details:
        found[TIMING] = description.identity.details[TIMING]
    concerns = array.calibration.concerns(array.wired.name, description.identity.serial)
    if concerns:
        found["mind"] = "; ".join(concerns)
    return found


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
