"""Measure the overhead of the NI-DAQmx driver over bare nidaqmx: client CPU time per batch.

    python drivers/benchmarks/nidaq_overhead.py

Both write and read the same samples through the same server, which answers from memory in another
process. The bare client keeps its tasks and only writes, starts, reads and stops. The result is the
median ratio of the two times over the rounds.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection as Pipe

import grpc
import nidaqmx
import numpy as np
from nidaqmx import GrpcSessionOptions
from nidaqmx.constants import TaskMode
from nidaqmx.stream_readers import AnalogMultiChannelReader
from nidaqmx.stream_writers import AnalogMultiChannelWriter

from oscilab.wired.waveform import Waveform
from oscilab_nidaq.boards import Board
from oscilab_nidaq.channel import OPTIONS
from oscilab_nidaq.front_end import NidaqFrontEnd
from oscilab_sim.nidaq.chassis import Chassis
from oscilab_sim.nidaq.driver import Driver
from oscilab_sim.nidaq.engine import Clock, Signals
from oscilab_sim.nidaq.server import NidaqServer

BOARDS = {"Dev1": "PXIe-6739", "Dev2": "PXIe-6358"}
LINES, INPUTS, POINTS, ROUNDS, RATE_HZ = 64, 16, 1000, 30, 1e5


def serve(pipe: Pipe) -> None:
    """Run a server with constant inputs until the pipe closes."""
    boards = {name: Board.model_validate(product) for name, product in BOARDS.items()}
    server = NidaqServer(Driver(Chassis(boards), Signals([], {}), Clock()))
    server.start()
    pipe.send(server.address)
    with contextlib.suppress(EOFError):
        pipe.recv()
    server.stop()


class Bare:
    """The least number of calls that play and read the samples."""

    def __init__(self, address: str) -> None:
        self._options = GrpcSessionOptions(grpc.insecure_channel(address, options=OPTIONS), "")
        self.out = nidaqmx.Task(grpc_options=self._options)
        self.inp = nidaqmx.Task(grpc_options=self._options)
        self.inp.ai_channels.add_ai_voltage_chan(f"Dev2/ai0:{INPUTS - 1}")
        self.inp.timing.cfg_samp_clk_timing(RATE_HZ, samps_per_chan=POINTS + 1)
        self.out.ao_channels.add_ao_voltage_chan(f"Dev1/ao0:{LINES - 1}")
        self.out.timing.cfg_samp_clk_timing(RATE_HZ, "/Dev2/ai/SampleClock", samps_per_chan=POINTS)
        self.writer = AnalogMultiChannelWriter(self.out.out_stream)
        self.reader = AnalogMultiChannelReader(self.inp.in_stream)
        self.writer.verify_array_shape = self.reader.verify_array_shape = False
        self.volts = np.empty((INPUTS, POINTS + 1))

    def batch(self, levels: np.ndarray) -> None:
        """Write, start, read, stop."""
        self.writer.write_many_sample(levels)
        self.out.start()
        self.inp.start()
        self.reader.read_many_sample(self.volts, POINTS + 1)
        self.inp.control(TaskMode.TASK_ABORT)
        self.out.control(TaskMode.TASK_ABORT)


def measured() -> tuple[list[float], list[float]]:
    """Return the bare client's milliseconds, and the driver's time over these, for each round."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    process.start()
    address = here.recv()
    rng = np.random.default_rng(0)
    levels = rng.uniform(-5, 5, (LINES, POINTS))
    front_end = NidaqFrontEnd.from_bench({"boards": BOARDS, "server": address}, "rack", "rack")
    front_end.connect()
    waveform = Waveform(np.arange(LINES), levels, np.ones(POINTS, np.int64))
    inputs = [f"Dev2/ai{n}" for n in range(INPUTS)]
    read = np.arange(POINTS)
    bare = Bare(address)
    ratios, own = [], []
    for number in range(ROUNDS + 2):
        began = time.process_time()
        bare.batch(levels)
        middle = time.process_time()
        front_end.exchange(waveform, RATE_HZ, inputs, read)
        ended = time.process_time()
        if number >= 2:
            ratios.append((ended - middle) / (middle - began))
            own.append(1e3 * (middle - began))
    bare.inp.close()
    bare.out.close()
    front_end.close()
    here.close()
    process.join()
    return own, ratios


def main() -> None:
    """Time both in turn and print the median ratio."""
    own, ratios = measured()
    print(
        f"{LINES} outputs and {INPUTS} inputs, {POINTS} samples: bare nidaqmx takes "
        f"{statistics.median(own):.1f} ms of CPU time a batch, the driver "
        f"{statistics.median(ratios):.3f} times that (median of {ROUNDS})"
    )


if __name__ == "__main__":
    main()
