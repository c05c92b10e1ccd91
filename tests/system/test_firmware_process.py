"""The firmware as a process: its physics, a new host, a killed host.

The host is `raw_device`, which shares no code with oscilab's host side.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from firmware_build import host_port, need
from raw_device import STEP_V, ZERO, RawDevice, Refused, allow, code, volts

from oscilab.physics import BUILT_IN, Monomial, PolynomialTerm, Potential, lattice
from oscilab.physics.terms import STIFFNESS

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    need("cc")
    return host_port(tmp_path_factory.mktemp("host") / "oscilab-firmware")


@contextmanager
def running(firmware, *options):
    process = subprocess.Popen(
        [firmware, "--child", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(json.loads(process.stdout.readline())["port"].rpartition(":")[2])
        process.stdin.close()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.slow
def test_forces_agree_with_the_other_implementation(firmware):
    """Compare every term on a 3x3 lattice, at random settings and points, through converters."""
    sextic = PolynomialTerm("sextic", (Monomial(1 / 60, (6,)),), STIFFNESS.placement)
    gated = replace(lattice(3, 3, 1.5), gates=np.array([[4, 0, 1], [2, 7, 5]]))
    potential = Potential(gated, [*BUILT_IN, sextic])
    sites, count = potential.oscillators, potential.parameters
    families = list(potential.families.values())
    monomials = [
        {"term": term, "coefficient": monomial.coefficient}
        | {f"power_{end}": power for end, power in zip("abc", monomial.powers, strict=False)}
        for term, family in enumerate(families)
        for monomial in family.term.monomials
    ]
    drives = [
        {"role": 0, "term": term, "channel": number, "gain": 2.0, "offset": 0.1}
        | {name: int(end) for name, end in zip("abc", ends, strict=False)}
        for term, family in enumerate(families)
        for number, ends in zip(range(family.where.start, family.where.stop), family.ends,
                                strict=True)
    ]  # fmt: skip
    others = [{"role": 2, "channel": count + sites, "a": 0xFFFF}]
    for i in range(sites):
        others += [
            {"role": 1, "channel": count + i, "a": i, "gain": 4.0},
            {"role": 3, "channel": i, "a": i, "gain": 4.0},
            {"role": 4, "channel": sites + i, "a": i, "gain": -0.2, "offset": 0.05},
        ]
    lines = drives + [{"gain": 0.0, "offset": 0.0} | line for line in others]
    rng = np.random.default_rng(1)
    sizes = ["--analog-outputs", str(count + sites), "--analog-inputs", str(2 * sites)]
    with running(firmware, *sizes) as port, RawDevice("127.0.0.1", port) as device:
        device.open()
        allow(device, count + sites, count + sites)
        device.ask(
            "PLANT_SETUP", oscillators=sites, seed=1, unit_s=1e-2, step_fraction=0.02,
            temperature=1.0,
        )  # fmt: skip
        device.ask("PLANT_TERMS", monomials=monomials)
        device.ask("PLANT_LINES", entries=lines)
        device.ask("PLANT_START", lines=len(lines))
        device.ask("SET_OUTPUTS", first=count + sites, codes=[1])
        for _ in range(5):
            levels = [code(v) for v in 0.1 + 2 * rng.uniform(-1.5, 1.5, count)]
            points = [code(v) for v in 4 * rng.uniform(-1.5, 1.5, sites)]
            device.ask("SET_OUTPUTS", first=0, codes=levels + points)
            both = list(range(2 * sites))
            found = volts(device.ask("READ_INPUTS", samples=1, sources=both)["codes"])
            theta, x = (volts(levels) - 0.1) / 2, volts(points) / 4
            np.testing.assert_allclose(found[:sites] / 4, x, atol=STEP_V)
            # Half a code of the force's converter, plus single precision.
            forces = (found[sites:] - 0.05) / -0.2
            np.testing.assert_allclose(forces, potential.forces(theta, x[None])[0], atol=1e-3)


@pytest.mark.slow
def test_a_new_host_takes_over_after_the_line_broke(firmware):
    """Outputs hold, the session continues on another connection, and nothing is done twice."""
    with running(firmware) as port:
        with RawDevice("127.0.0.1", port) as device:
            device.open()
            allow(device, 24, 24)
            device.ask("SET_OUTPUTS", first=0, codes=[ZERO + 100])
            device.send("SET_OUTPUTS", first=0, codes=[ZERO + 200])
            sequence = device.sequence
        with RawDevice("127.0.0.1", port) as again:
            again.socket.sendall(b"\0")
            status = again.ask("HEARTBEAT", urgent=True)
            # The last command arrived, or was lost with the line.
            again.sequence = status["expected"] - 1
            if again.sequence != sequence:
                again.ask("SET_OUTPUTS", first=0, codes=[ZERO + 200])
            assert again.ask("GET_OUTPUTS", first=0, wanted=1)["codes"] == [ZERO + 200]
            with pytest.raises(Refused, match="'code': 3"):
                again.ask("GET_OUTPUTS", first=0, wanted=1, session=1)


HOST = """
import sys, time
sys.path.insert(0, {here!r})
from raw_device import ZERO, RawDevice, allow
device = RawDevice("127.0.0.1", {port})
device.open()
allow(device, 24, 24, slew=20.0, timeout_ms=3000)
device.ask("EXCHANGE", exchange=1, records=301, repeats=1, period=1_000_000, bytes=3010,
           outputs=[3], sources=[])
steps = [dict(samples=1, read=0, codes=[ZERO + 32 * n]) for n in range(300)]
steps.append(dict(samples=1_000_000, read=0, codes=[ZERO + 32 * 300]))
device.ask("SEGMENT", exchange=1, first_record=0, steps=steps)
device.ask("TRIGGER", exchange=1)
while device.ask("HEARTBEAT", urgent=True)["samples"] < 250:
    time.sleep(0.01)
print("playing", flush=True)
while True:
    device.ask("HEARTBEAT", urgent=True)
    time.sleep(0.01)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_host_leaves_safe_outputs(firmware, tmp_path):
    """Kill the host during a waveform on a real sample clock; outputs are read from the log."""
    log = tmp_path / "log"
    with running(firmware, "--real-time", "--log", str(log)) as port:
        host = subprocess.Popen(
            [sys.executable, "-c", HOST.format(here=str(HERE), port=port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert host.stdout is not None
        try:
            assert host.stdout.readline() == "playing\n"
            killed_us = time.monotonic_ns() / 1000
        finally:
            host.send_signal(signal.SIGKILL)
            host.wait()
            host.stdout.close()
        with RawDevice("127.0.0.1", port, session=7) as device:
            # These frames have no session, so they do not feed the watchdog.
            limit = time.monotonic() + 60
            while "event" not in log.read_text() or not log.read_text().rstrip().endswith(" 5 0"):
                assert time.monotonic() < limit, "outputs did not go to their safe values"
                with pytest.raises(Refused):
                    device.ask("HEARTBEAT", urgent=True)
                time.sleep(0.05)
    rows = [line.split() for line in log.read_text().splitlines()]
    moves = [(int(row[1]), int(row[4])) for row in rows if row[0] == "output" and row[3] == "3"]
    events = [(int(row[1]), row[3:]) for row in rows if row[0] == "event"]
    assert [event for _, event in events] == [["3", "13"], ["4", "1"], ["5", "0"]]
    tripped, safe = events[1][0], events[2][0]
    assert moves[-1][1] == ZERO
    assert max(level for _, level in moves) > ZERO + 32 * 200
    # The waveform continued without its host until the watchdog tripped.
    assert killed_us < tripped < safe
    # Within the timeout, with a margin for a busy computer.
    assert safe - killed_us < 3_000_000 + 1_000_000
    # The ramp kept to 20 V/s: 64 codes per millisecond, over the whole ramp.
    ramp = [(at, level) for at, level in moves if at >= tripped]
    seconds = (ramp[-1][0] - tripped) / 1e6
    assert (max(level for _, level in moves) - ZERO) * STEP_V <= 20.0 * seconds * 1.02
