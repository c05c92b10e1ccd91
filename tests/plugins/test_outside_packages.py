"""External packages, installed as a user does, and used in whole runs."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from oscilab import open_run
from oscilab.bench import device_named
from oscilab.errors import InvalidInput
from oscilab.experiment import resolve

HERE = Path(__file__).parent
PACKAGES = sorted(path.parent for path in HERE.glob("*/pyproject.toml"))
SMALL = {"steps": 20, "batch": 16, "slices": 4, "samples": 60, "seed": 1, "checkpoint_every": 5}
SEXTIC = {"terms": ["stiffness", "quartic", "coupling", "sextic"]}
OURS = {"rule": "clipped-forces", "encoder": {"kind": "asinh", "rms": 0.8}, "judge": "spread"}

# Ctrl-C in the middle of the training.
STOPPED = """
import json, sys
import oscilab
from oscilab.progress import Quiet

class StopAt(Quiet):
    left = 12

    def task(self, description, total, done=0):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def advance(self, n=1, **figures):
        self.left -= n
        if self.left == 0:
            raise KeyboardInterrupt

try:
    oscilab.train("two-gaussians", out="run.h5", progress=StopAt(), **json.loads(sys.argv[1]))
except KeyboardInterrupt:
    print("stopped")
"""
VIEWED = """
import json, sys
from pathlib import Path
from oscilab.live.model import RunModel
from oscilab.live.session import read_history

model = RunModel()
for message in read_history(Path(sys.argv[1])):
    model.take(message)
families = [name for name, _, _ in model.facts.families]
print(json.dumps({"families": families, "figures": model.figures}))
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """A folder with all packages."""
    for tool in ("pip", "hatchling"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"needs {tool}, which is not installed")
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-index", "--no-deps", "--no-build-isolation", "--target", folder, *PACKAGES],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def user(installed, tmp_path):
    """Run Python in an empty folder, with or without the packages; return its output."""

    def run(*arguments, packages=True, code=0):
        kept = {key: value for key, value in os.environ.items() if key != "OSCILAB_BENCH"}
        paths = [str(installed)] if packages else []
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tmp_path, capture_output=True, text=True, encoding="utf-8",
            env={**kept, "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def carried(user, overrides, packages=True, **device):
    """Train and stop, resume, sample, view and export; `packages` are there from resuming on."""
    given = json.dumps({"overrides": SMALL | overrides, **device})
    assert user("-c", STOPPED, given) == "stopped\n"
    options = [f"--{key}={value}" for key, value in device.items() if key != "simulate"]
    options += ["--simulate"] if device.get("simulate") else []
    for words in (
        ["train", "--resume", "run.h5", *options],
        ["sample", "run.h5", "-n", "20", "--out", "more.h5", *options],
        ["traces", "export", "run.h5", "--to", "csv", "--out", "csv"],
        ["traces", "plot", "run.h5"],
        ["traces", "info", "run.h5"],
    ):
        user("-m", "oscilab", *words, packages=packages)
    return json.loads(user("-c", VIEWED, "run.h5", packages=packages))


def example(device):
    """Return the text of the example bench with `device`."""
    bench = device_named(device).bench
    assert bench is not None
    return bench.path.read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_is_short(package):
    modules = list(package.glob("*.py"))
    assert len(modules) == 1
    assert len(modules[0].read_text().splitlines()) < 50


def test_what_is_installed_is_found_and_listed(installed, monkeypatch):
    monkeypatch.syspath_prepend(installed)
    settings = {"rule": "clipped-forces", "encoder.kind": "asinh", "judge": "spread"}
    assert resolve("two-gaussians", settings).settings.encoder.kind == "asinh"
    for key, known in (("rule", "clipped-forces"), ("encoder.kind", "asinh"), ("judge", "spread")):
        with pytest.raises(InvalidInput, match=f"unknown .* 'nothing'; the .*s are .*{known}"):
            resolve("two-gaussians", {key: "nothing"})
    with pytest.raises(
        InvalidInput, match=r"encoder\.floor means nothing .* 'asinh'; it takes: rms"
    ):
        resolve("two-gaussians", {"encoder.kind": "asinh", "encoder.floor": 0.1})


@pytest.mark.slow
def test_term_rule_encoder_and_judge_are_carried_through(user, tmp_path):
    seen = carried(user, SEXTIC | OURS)
    assert seen["families"] == ["stiffness", "quartic", "coupling", "sextic"]
    assert set(seen["figures"]) > {"spread", "spread_data"}
    for name in ("run.h5", "more.h5"):
        with open_run(tmp_path / name) as run:
            assert run.status == "finished"
            term = run.protocol().potential.family("sextic").term
            assert (term.degree, term.default_range) == (6, (0.0, 50.0))
            assert run.figures["spread"] > 0
    assert "unknown encoder 'asinh'" in user(
        "-m", "oscilab", "sample", "run.h5", packages=False, code=2
    )


@pytest.mark.slow
def test_a_run_with_a_term_from_outside_needs_its_package_no_more(user, tmp_path):
    seen = carried(user, SEXTIC, packages=False)
    assert seen["families"][-1] == "sextic"
    with open_run(tmp_path / "more.h5") as run:
        assert run.status == "finished"
        assert run.protocol().potential.family("sextic").term.degree == 6


@pytest.mark.slow
def test_a_term_from_outside_runs_behind_a_microcontroller(user, tmp_path):
    text = example("mcu0").replace('"cubic", ', '"sextic", ')
    (tmp_path / "bench.toml").write_text(text)
    seen = carried(user, {}, device="mcu0", bench="bench.toml", simulate=True)
    assert "sextic" in seen["families"]


DESK = """
schema = 1
[devices.desk]
array = "wired"
front_end = "springs"
topology = { kind = "lattice", rows = 1, columns = 2, radius = 0.0 }
terms = ["bias", "stiffness"]
wiring = { in_order = true }
connection = { unit_s = 0.01 }

[devices.desk.limits]
outputs = { range = [-10.0, 10.0], slew = 1e7, safe = 0.0 }
clamp_enable = { safe = true }

[devices.desk.settings]
clamp = 10.0
position_span = 10.0
force_span = 2000.0
ranges = { bias = [-200.0, 200.0] }
"""


@pytest.mark.slow
def test_a_front_end_from_outside_is_carried_through(user, tmp_path):
    (tmp_path / "bench.toml").write_text(DESK)
    seen = carried(user, {}, device="desk", bench="bench.toml")
    assert seen["families"] == ["bias", "stiffness"]
    with open_run(tmp_path / "run.h5") as run:
        assert run.provenance.identity.kind == "springs"


@pytest.mark.slow
def test_an_instrument_from_outside_is_carried_through(user, tmp_path):
    text = example("rack0").replace('kind = "keysight33500"', 'kind = "supply"')
    (tmp_path / "bench.toml").write_text(text)
    carried(user, {}, device="rack0", bench="bench.toml", simulate=True)
