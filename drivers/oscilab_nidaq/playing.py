"""One waveform through a rig: written ahead, read as it comes, only what is wanted kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from oscilab.types import IntArray, Volts
from oscilab_nidaq.rig import Rig
from oscilab_nidaq.schedule import Schedule


def play(
    rig: Rig,
    schedule: Schedule,
    inputs: Sequence[str],
    read: IntArray,
    timeout: float,
    watch: Callable[[Mapping[str, float]], None],
) -> Volts:
    """Play `schedule` and return volts `[input, repeat, reading]`.

    After every chunk `watch` gets the last reading of each input, and may raise to stop. Tasks are
    not stopped here.
    """
    wanted = schedule.wanted(read)
    volts = np.empty((len(inputs), len(wanted)))
    rig.write(schedule.first(), timeout)
    rig.start()
    further = schedule.further()
    coming = next(further, None)
    chunk = np.empty((len(inputs), min(schedule.chunk, schedule.total + 1)))
    for start in range(0, schedule.total + 1, schedule.chunk):
        stop = min(start + schedule.chunk, schedule.total + 1)
        part = chunk[:, : stop - start] if stop - start < chunk.shape[1] else chunk
        if not part.flags.c_contiguous:
            part = np.empty(part.shape)
        rig.read(part, timeout + (stop - start) / schedule.rate_hz)
        low, high = np.searchsorted(wanted, [start, stop])
        volts[:, low:high] = part[:, _places(wanted[low:high] - start)]
        watch(dict(zip(inputs, part[:, -1].tolist(), strict=True)))
        # What was read was played, and has left that much room.
        while coming is not None and coming[1] - stop < schedule.buffer:
            rig.write(schedule.samples(*coming), timeout)
            coming = next(further, None)
    return volts.reshape(len(inputs), schedule.waveform.repeats, -1)


def _places(wanted: IntArray) -> slice | IntArray:
    """`wanted` as a slice where it leaves nothing out, as where clamp points are read in turn."""
    if len(wanted) and wanted[-1] - wanted[0] == len(wanted) - 1:
        return slice(int(wanted[0]), int(wanted[-1]) + 1)
    return wanted
