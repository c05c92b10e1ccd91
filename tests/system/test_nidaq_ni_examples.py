"""NI's own example programs, unmodified, on virtual boards.

Their text is NI's and not stored here. `OSCILAB_NI_EXAMPLES=DIR` names the folder `examples` of a
checkout of github.com/ni/nidaqmx-python; neither the package nor its source distribution has it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = os.environ.get("OSCILAB_NI_EXAMPLES")
OUTSIDE = {
    r"counter_|(^|_|/)(ci|co)_": "counters are not implemented",
    "thrmcpl|temperature": "thermocouples are not implemented",
    "power": "calculated power is not implemented",
    "_helper|__init__": "no program",
}
"""Paths that are not run, with the reason."""
OPTIONS = {
    "_ext_clk": ["--clock", "/Dev1/PFI0=1000"],
    "_dig_(start|ref)": ["--pulse", "/Dev1/PFI0=0.01", "--pulse", "/Dev1/PFI8=0.2"],
}
"""Signals at the terminals, by a part of the path."""
SAID = {
    "analog_in/voltage_acq_int_clk.py": r"Acquired data: \[(1\.5, ){49}1\.5\]",
    "analog_in/voltage_sample.py": r"Acquired data: 1\.5",
    "analog_in/voltage_acq_int_clk_wfm.py": r"dt: 0:00:00\.001000",
    "analog_in/voltage_acq_int_clk_tdms_logging.py": r"TDMS file: \[(1\.500000, ){9}1\.5",
    "analog_in/voltage_acq_int_clk_dig_ref.py": r"\[(1\.500000, ){99}1\.500000\]",
    "analog_in/cont_voltage_acq_int_clk_dig_start.py": r"Acquired [1-9]\d*000 total samples",
    "analog_in/cont_voltage_acq_int_clk_dig_start_retrig.py": r"Acquired [1-9]\d*000 total",
    "analog_in/cont_voltage_acq_int_clk_every_n_samples_event.py": r"(?s)callback invoked.*\[1\.5,",
    "analog_in/ai_raw.py": r"array\(\[0, 0, 0, 0\], dtype=int16\)",
    "analog_out/gen_voltage_wfm_int_clk.py": r"1000 voltage samples",
    "analog_out/cont_gen_voltage_wfm_int_clk_every_n_samples_event.py": r"Transferred N samples",
    "digital_in/read_dig_lines.py": r"\[False, False, False, False\]",
    "synchronization/multi_function/ai_ao_sync.py": r"Acquired [1-9]\d*000 total samples",
    "synchronization/multi_function/cont_ai_di_acq.py": r"Acquired ([1-9]\d*000) total AI .* \1 ",
    "system_properties.py": r"Device Name: Dev1, Product Category: ",
}
"""Required output of programs; the others must only succeed."""


def programs():
    if FOLDER is None:
        reason = "OSCILAB_NI_EXAMPLES does not name the folder of NI's examples"
        return [pytest.param("", marks=pytest.mark.skip(reason=reason))]
    paths = [path.relative_to(FOLDER).as_posix() for path in Path(FOLDER).rglob("*.py")]
    return sorted(p for p in paths if not any(re.search(word, p) for word in OUTSIDE))


@pytest.mark.slow
@pytest.mark.parametrize("program", programs())
def test_an_example(program, tmp_path):
    assert FOLDER is not None
    path = Path(FOLDER) / program
    options = [word for part, words in OPTIONS.items() if re.search(part, program)
               for word in words]  # fmt: skip
    seen = ["--signal", "Dev1/ai0=1.5"] if "Dev1/ai0" in path.read_text("utf-8") else []
    done = subprocess.run(
        [sys.executable, "-m", "oscilab_sim.nidaq.run", "--seconds", "3", *seen, *options, path],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(SAID.get(program, ""), done.stdout), done.stdout[-2000:]
