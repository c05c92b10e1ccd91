"""A virtual NI-DAQmx of two boards with signals at their inputs, and tasks on them."""

from __future__ import annotations

from contextlib import contextmanager

import nidaqmx

from oscilab_sim.nidaq.virtual_daq import virtual_daq

PATIENCE_S = 60.0


def ramp(seconds):
    return 100.0 * (seconds % 0.1)


@contextmanager
def two_boards():
    """Yield the virtual NI-DAQmx, and check that no missing RPC was called."""
    signals = {"Dev1/ai0": ramp, "Dev1/ai1": "Dev1/ao0", "Dev1/ai2": 2.5, "Dev2/ai0": -2.5}
    with virtual_daq(
        {"Dev1": "PCIe-6363", "Dev2": "PXIe-6358"}, signals=signals,
        pulses={"/Dev1/PFI0": 0.5},
    ) as daq:  # fmt: skip
        yield daq
        assert not daq.server.unimplemented


def inputs(daq, names="Dev1/ai0", rate=1000.0, **timing):
    """Return a task of inputs on their own clock."""
    task = nidaqmx.Task(grpc_options=daq)
    task.ai_channels.add_ai_voltage_chan(names)
    task.timing.cfg_samp_clk_timing(rate, **timing)
    return task
