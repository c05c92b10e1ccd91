"""Scripts for hardware run unchanged with `python -m oscilab_sim.nidaq.run`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from oscilab_sim.nidaq.run import devices_named

SCRIPT = """\
import sys
import local_module
from nidaqmx import Task, system

print([device.name for device in system.System.local().devices], system.Device("Rack2").serial_num)
with Task("mine") as out, Task() as back:
    out.ao_channels.add_ao_voltage_chan("Rack2/ao0")
    back.ai_channels.add_ai_voltage_chan("Rack1/ai3")
    out.write(local_module.VOLTS)
    print("read", back.read(), sys.argv[1:])
if "wait" in sys.argv:
    input("Enter? ")
    print("on we go")
while "turn" in sys.argv:
    pass
if "fail" in sys.argv:
    sys.exit(5)
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "local_module.py").write_text("VOLTS = 1.25\n")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "oscilab_sim.nidaq.run", *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    return run


def test_a_script_runs_as_it_is(run):
    """A script finds its own modules and arguments, and its exit code is kept."""
    done = run("--signal", "Rack1/ai3=Rack2/ao0", "script.py", "fail", "--seconds", "9")
    assert "['Rack2', 'Rack1']" in done.stdout
    assert "read 1.25 ['fail', '--seconds', '9']" in done.stdout
    assert done.returncode == 5, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("way", ["wait", "turn"])
def test_a_script_that_does_not_end_is_ended(run, way):
    boards = ["--device", "Rack1=PXIe-6358", "--device", "Rack2=PXIe-6738"]
    done = run(*boards, "--seconds", "5", "script.py", way)
    assert done.returncode == 0, done.stderr
    assert "['Rack1', 'Rack2']" in done.stdout
    assert ("on we go" in done.stdout) == (way == "wait")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.py"], "cannot read the script missing.py"),
        (["--device", "Rack1", "script.py"], "'Rack1' must be NAME=VALUE"),
        (["--device", "Rack1=PCI-9999", "script.py"], "device Rack1: unknown product 'PCI-9999'"),
        (["--pulse", "/Rack1/PFI0=soon", "script.py"], "'soon' of '/Rack1/PFI0=soon' is no number"),
        (["--pulse", "/Rack9/PFI0=1", "script.py"], "the terminal /Rack9/PFI0, whose device is"),
        (["--signal", "Rack1/ai99=1", "script.py"], "for Rack1/ai99, which is no input"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(run, arguments, said):
    done = run(*arguments)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_devices_that_a_script_names():
    text = """add_ai_voltage_chan("Dev1/ai0, Dev2/ai1:3"); trigger("/PXI1Slot3/ai/StartTrigger")
    add_do_chan('cDAQ1Mod4/port0/line0'); add_ao_voltage_chan("Dev1/ao0")  # see a/b and so/ao"""
    assert devices_named(text) == ["Dev1", "Dev2", "cDAQ1Mod4"]
    assert devices_named("nothing") == ["Dev1"]
