"""How many of our own functions one batch goes through, from the array to the front end.

What a front end does, simulated or not, is not counted. A batch that takes many small steps is slow
in Python and hard to follow.
"""

import sys
from pathlib import Path

import numpy as np
from wired_benches import opened

import oscilab
from oscilab.bench import device_named

CORE = str(Path(oscilab.__file__).parent)
MOST = 60


def calls_of(act, below):
    """The names of the core's functions that `act` calls, outside of frames in `below`."""
    found, depth = [], 0

    def profile(frame, event, _):
        nonlocal depth
        name = frame.f_code.co_filename
        if below in name:
            depth += {"call": 1, "return": -1}.get(event, 0)
        elif event == "call" and not depth and name.startswith(CORE):
            found.append(f"{Path(name).stem}.{frame.f_code.co_qualname}")

    sys.setprofile(profile)
    try:
        act()
    finally:
        sys.setprofile(None)
    return found


def test_one_batch_of_forces_takes_few_calls():
    array = opened(device_named("virtual0"))
    points = np.random.default_rng(0).normal(size=(1000, 2))
    before, theta = (array.description.potential.vector(quartic=value) for value in (0.5, 1.0))
    array.measure_forces(before, points)
    calls = calls_of(lambda: array.measure_forces(theta, points), "oscilab_sim")
    array.close()
    assert calls[0] == "array.WiredArray.measure_forces"
    assert "drive.Drive.exchange" in calls
    assert len(calls) <= MOST, "\n".join(calls)
