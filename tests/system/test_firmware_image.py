"""The image for a Cortex-M4F fits, and runs on an emulated board."""

import re
import socket
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
from firmware_build import FIRMWARE, image, need, script
from raw_device import STEP_V, ZERO, RawDevice, allow, code, volts


@pytest.fixture(scope="module")
def m4f(tmp_path_factory):
    need("cmake", "arm-none-eabi-gcc")
    return image(tmp_path_factory.mktemp("an386"))


@pytest.mark.slow
def test_the_image_fits_and_says_so(m4f):
    _, said = m4f
    assert "warning" not in said
    flash, memory = map(int, re.search(r"flash (\d+) bytes, memory (\d+) bytes", said).groups())
    stack = int(re.search(r"stack (\d+) bytes at most", said)[1])
    assert flash < 64 << 10
    assert memory < 4 << 20
    # The linker script reserves 16 KiB.
    assert 500 < stack < 8 << 10


@contextmanager
def emulated(elf):
    need("qemu-system-arm")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = f"socket,id=u,host=127.0.0.1,port={port},server=on,wait=off,mux=on"
    process = subprocess.Popen(
        ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none",
         "-echr", "0x100", "-chardev", line, "-serial", "chardev:u", "-kernel", str(elf)],
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_the_image_runs_on_an_emulated_board(m4f):
    """Test the handshake, a waveform, a damaged frame, and safe outputs."""
    elf, _ = m4f
    with emulated(elf) as port, RawDevice("127.0.0.1", port) as device:
        assert device.open()["firmware"].rstrip(b"\0") == b"oscilab m4f 1.0"
        found = device.ask("CAPABILITIES")
        assert (found["outputs"], found["inputs"]) == (1200, 512)
        allow(device, 2, 1192, timeout_ms=600_000)
        spring = [
            {"role": 0, "term": 0, "channel": 0, "a": 0, "gain": 0.1, "offset": 0.0},
            {"role": 1, "channel": 1, "a": 0, "gain": 1.0, "offset": 0.0},
            {"role": 2, "channel": 1192, "a": 0xFFFF, "gain": 0.0, "offset": 0.0},
            {"role": 3, "channel": 0, "a": 0, "gain": 1.0, "offset": 0.0},
            {"role": 4, "channel": 1, "a": 0, "gain": 0.1, "offset": 0.0},
        ]
        device.ask(
            "PLANT_SETUP", oscillators=1, seed=5, unit_s=0.01, step_fraction=0.02, temperature=1.0
        )
        device.ask("PLANT_TERMS", monomials=[{"term": 0, "power_a": 2, "coefficient": 0.5}])
        device.ask("PLANT_LINES", entries=spring)
        device.ask("PLANT_START", lines=len(spring))
        device.ask("SET_OUTPUTS", first=0, codes=[code(0.4), code(1.0)])
        device.ask("SET_OUTPUTS", first=1192, codes=[1])
        seen = volts(device.ask("READ_INPUTS", samples=1, sources=[0, 1])["codes"])
        np.testing.assert_allclose(seen, [1.0, -0.4], atol=2 * STEP_V)
        # An oscillator in a spring of stiffness 4, read every half unit of time.
        readings = 2000
        device.ask(
            "EXCHANGE", exchange=1, records=2, repeats=1, period=5_000_000, bytes=20,
            outputs=[1192], sources=[0],
        )  # fmt: skip
        steps = [
            {"samples": readings, "read": readings, "codes": [0]},
            {"samples": 1, "read": 0, "codes": [1]},
        ]
        device.ask("SEGMENT", exchange=1, first_record=0, steps=steps)
        device.ask("TRIGGER", exchange=1)
        x = volts(device.readings(1, 1))[:, 0]
        # Five standard errors: 6e-7. The correlation exp(-2) of readings increases them by 1.04.
        variance = 1 / (4 * (1 - 0.01))
        assert abs(x.var() / variance - 1) < 5 * 1.04 * np.sqrt(2 / readings)
        device.socket.sendall(b"\x05noise\0")
        assert device.wait(lambda name, _: name == "ERROR")["code"] == 1
        device.ask("MAKE_SAFE", urgent=True)
        device.wait(lambda name, fields: name == "EVENT" and fields["event"] == 5)
        assert device.ask("GET_OUTPUTS", first=0, wanted=2)["codes"] == [ZERO, ZERO]


@pytest.mark.slow
def test_the_image_makes_outputs_safe_when_its_host_is_silent(m4f):
    elf, _ = m4f
    with emulated(elf) as port, RawDevice("127.0.0.1", port) as device:
        device.open()
        allow(device, 2, 1192, timeout_ms=5000)
        device.ask("SET_OUTPUTS", first=0, codes=[code(0.4)])
        fields = device.wait(lambda name, fields: name == "EVENT" and fields["event"] == 5)
        assert (fields["trip"], fields["at_safe"]) == (1, 1)
        assert device.ask("GET_OUTPUTS", first=0, wanted=1)["codes"] == [ZERO]


@pytest.mark.slow
def test_the_readme_shows_the_figures_of_this_build(m4f):
    """They depend on the compiler, so they agree to a tenth."""
    _, said = m4f
    readme = (FIRMWARE.parent / "README.md").read_text()
    for what in (r"flash (\d+) bytes", r"stack (\d+) bytes"):
        now, then = (int(re.search(what, text)[1]) for text in (said, readme))
        assert abs(now - then) < 0.1 * then


def test_the_stack_of_a_chain_of_calls_is_added_up(tmp_path):
    figures = script(FIRMWARE / "tools" / "figures.py")
    (tmp_path / "a.ci").write_text(
        'node: { title: "main" label: "main\\nm.c:1\\n16 bytes (static)" }\n'
        'node: { title: "f" label: "f\\nm.c:2\\n40 bytes (static)" }\n'
        'node: { title: "g" label: "g\\nm.c:3\\n8 bytes (static)" }\n'
        'edge: { sourcename: "main" targetname: "f" label: "m.c:5" }\n'
        'edge: { sourcename: "main" targetname: "g" label: "m.c:6" }\n'
        'edge: { sourcename: "g" targetname: "f" label: "m.c:7" }\n'
    )
    stack, calls = figures.graphs(tmp_path)
    assert figures.deepest("main", stack, calls) == (64, ("main", "g", "f"))
