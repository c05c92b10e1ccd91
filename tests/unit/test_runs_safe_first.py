"""At a stop between waveforms, outputs are safe before the run file is written."""

import numpy as np
import pytest

import oscilab
from oscilab.progress import Quiet
from oscilab.traces.writer import RunWriter

BENCH = """\
schema = 1
[devices.rack]
array = "wired"
front_end = "virtual"
topology = {{ kind = "all-to-all", rows = 1, columns = 2 }}
terms = ["bias", "stiffness", "cubic", "quartic", "coupling", "square_linear", "square_square"]
wiring = {{ in_order = true }}
[devices.rack.connection]
levels_file = {levels!r}
[devices.rack.limits]
outputs = {{ range = [-10.0, 10.0], slew = 1e7, safe = 0.5 }}
clamp_enable = {{ safe = true }}
"""


class Impatient(Quiet):
    """Presses Ctrl-C after the first step."""

    def note(self, text):
        """See `Progress`."""

    def task(self, name, total, done=0):
        """See `Progress`."""
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def advance(self, *args, **values):
        """See `Progress`."""
        raise KeyboardInterrupt


def test_the_file_waits_for_the_ramp(tmp_path, monkeypatch):
    levels = tmp_path / "levels.bin"
    bench = tmp_path / "bench.toml"
    bench.write_text(BENCH.format(levels=str(levels)))
    seen = []
    leave = RunWriter.__exit__

    def leave_and_see(self, *error):
        seen.append(np.fromfile(levels))
        return leave(self, *error)

    monkeypatch.setattr(RunWriter, "__exit__", leave_and_see)
    with pytest.raises(KeyboardInterrupt):
        oscilab.train(
            "two-gaussians", "rack", bench=str(bench), out=tmp_path / "run.h5",
            overrides={"steps": 2, "batch": 20, "samples": 5}, progress=Impatient(),
        )  # fmt: skip
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0], [0.5] * 14 + [1.0])
