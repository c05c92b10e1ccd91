"""Measure the ticks per second of a sustained exchange through a pty, and the pty's own rate.

    python firmware_bridge/benchmarks/throughput.py [SECONDS]

In every tick 144 outputs get a new level and 288 inputs are read: the clamps, positions and forces
of a 12x12 array, whose positions must equal the clamps' set-points. The host is the real front end
on pyserial. The device is the firmware's host port with a virtual clock, so that ticks take only
the time of their bytes. For comparison, the raw pty carries as many bytes each way between two
processes that discard them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tty
from typing import cast

import numpy as np

from oscilab.wired.channels import ChannelTable
from oscilab.wired.interlocks import Interlocks
from oscilab.wired.limits import Limits
from oscilab.wired.waveform import Waveform
from oscilab_firmware.connection import Connection, Converter
from oscilab_firmware.front_end import FirmwareFrontEnd
from oscilab_firmware.session import open_session
from oscilab_sim.board.imperfections import Imperfections
from oscilab_sim.firmware.plant import (
    ALL,
    CLAMP,
    CLAMP_ENABLE,
    FORCE,
    POSITION,
    PlantLine,
    send_plant,
    setup_of,
)  # fmt: skip
from oscilab_sim.firmware.process import FirmwareProcess, host_program

SITES = 144
CHUNK = 20_000
OUT_BYTES, IN_BYTES = 8 + 2 * SITES, 2 * 2 * SITES
"""A record, and a row of readings."""
ECHO = """
import os, sys, tty
line = os.open(sys.argv[1], os.O_RDWR)
tty.setraw(line)
print("ready", flush=True)
taken, given, total = 0, 0, int(sys.argv[2])
while taken < total:
    taken += len(os.read(line, 65536))
    due = taken // {out} * {back} - given
    while due:
        sent = os.write(line, bytes(min(due, 65536)))
        due, given = due - sent, given + sent
sys.stdin.read()
"""


class WideOpen:
    """In place of a bench's limits: everything that the converters can do."""

    def __init__(self, channels: ChannelTable) -> None:
        outputs = channels.outputs
        self.wired = np.ones(len(outputs), np.bool_)
        self.lower = np.array([channel.lower for channel in outputs])
        self.upper = np.array([channel.upper for channel in outputs])
        self.safe, self.slew = self.lower, np.full(len(outputs), 1e9)


def exchanged(seconds: float) -> tuple[int, float, str]:
    """Return (ticks, seconds, CPU time as text) through the front end."""
    counts = ["--analog-outputs", SITES, "--analog-inputs", 2 * SITES, "--slew", 1e9]
    process = FirmwareProcess(host_program(), ["--pty", "--child", *map(str, counts)])
    connection = Connection(
        port=process.port, analog_outputs=SITES, analog_inputs=2 * SITES, max_rate_hz=1e5,
        dac=Converter(slew=1e9), heartbeat_timeout_s=60.0,
    )  # fmt: skip
    _clamps_alone(connection)
    front_end = FirmwareFrontEnd(connection, "benchmark")
    channels = front_end.channels
    limits = cast(Limits, WideOpen(channels))
    front_end.guard(limits, Interlocks({}, channels, "benchmark"))
    front_end.connect()
    names = [channel.name for channel in channels.inputs if channel.kind == "analog"]
    front_end.set_outputs(np.array([0.0] * SITES + [1.0]))
    codes = np.random.default_rng(1).integers(0, 65536, (SITES, CHUNK))
    waveform = Waveform(np.arange(SITES), codes * 312.5e-6 - 10.24, np.ones(CHUNK, np.int64))
    read = np.arange(CHUNK)
    ticks, began, worked = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        found = front_end.exchange(waveform, 1e5, names, read).volts[:SITES, 0]
        assert np.abs(found - waveform.levels).max() < 400e-6
        ticks += CHUNK
    spent, worked = time.perf_counter() - began, time.process_time() - worked
    session = front_end._session
    assert session is not None
    assert session.link.parser.bad == 0
    assert session.commands.repeated == 0
    assert session.status().bad_frames == 0
    front_end.close()
    process.stop()
    times = os.times()
    device = (times.children_user + times.children_system) / ticks
    return (
        ticks,
        spent,
        f"CPU time a tick: host {1e6 * worked / ticks:.0f} us, firmware "
        + (f"{1e6 * device:.0f} us"),
    )


def _clamps_alone(connection: Connection) -> None:
    """Set up 144 oscillators without drives, whose positions equal the clamps' set-points."""
    lines = [PlantLine(CLAMP_ENABLE, SITES, ALL)]
    for site in range(SITES):
        lines += [
            PlantLine(CLAMP, site, site, gain=1.0),
            PlantLine(POSITION, site, site, gain=1.0),
            PlantLine(FORCE, SITES + site, site, gain=1.0),
        ]
    session = open_session(connection, "benchmark")
    send_plant(session, setup_of(SITES, 0.01, Imperfections()), [], lines)
    session.close()


def raw(seconds: float, rate: float) -> tuple[int, float]:
    """Return (ticks, seconds) of as many bytes each way; `rate` is a guess of ticks per second."""
    ticks = int(seconds * rate)
    near, far = os.openpty()
    tty.setraw(near)
    tty.setraw(far)
    text = ECHO.format(out=OUT_BYTES, back=IN_BYTES)
    command = [sys.executable, "-c", text, os.ttyname(far), str(ticks * OUT_BYTES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as echo:
        assert echo.stdout is not None
        echo.stdout.readline()
        began = time.perf_counter()
        writing = threading.Thread(target=_write, args=(near, ticks * OUT_BYTES))
        writing.start()
        left = ticks * IN_BYTES
        while left:
            left -= len(os.read(near, 65536))
        spent = time.perf_counter() - began
        writing.join()
    os.close(near)
    os.close(far)
    return ticks, spent


def _write(line: int, count: int) -> None:
    data = bytes(65536)
    while count:
        count -= os.write(line, data[: min(count, len(data))])


if __name__ == "__main__":
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    ticks, spent, cpu = exchanged(length)
    rate = ticks / spent
    mega = rate * (OUT_BYTES + IN_BYTES) / 1e6
    print(f"front end and firmware: {rate:.0f} ticks/s, {mega:.1f} MB/s, of {ticks} none lost")
    print(cpu)
    ticks, spent = raw(length, 2 * rate)
    rate = ticks / spent
    print(f"raw pty: {rate:.0f} ticks/s, {rate * (OUT_BYTES + IN_BYTES) / 1e6:.1f} MB/s")
