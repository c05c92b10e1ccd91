"""Imports of the simulation, and its use without Numba."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

USE = """
import numpy as np
from oscilab.physics import Potential, lattice
from oscilab_sim.array import SimulatedArray
potential = Potential(lattice(2, 2, 1.0), ["stiffness", "coupling"])
array = SimulatedArray(potential{settings})
array.relax(potential.vector(stiffness=1.0), np.zeros((2, 4)), 0.1)
print(array.description.identity.details["engine"])
"""
HIDE = "import sys; sys.modules['numba'] = None\n"


def run(script, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_does_not_import_numba():
    script = "import sys, oscilab_sim.array; print('numba' in sys.modules)"
    assert run(script).stdout.strip() == "False"


def test_without_numba_numpy_serves_and_says_so():
    done = run(HIDE + USE.format(settings=""))
    assert done.stdout.strip() == "numpy"
    assert "simulating with NumPy, many times slower than with Numba" in done.stderr


def test_without_numba_asking_for_it_is_refused():
    done = run(HIDE + USE.format(settings=", settings=SimulatedArray.Settings(engine='numba')"))
    assert "InvalidInput: engine numba cannot serve: Numba cannot be imported" in done.stderr


@pytest.fixture
def read_only_package(tmp_path):
    """A copy of the package in a folder that is not writable."""
    package = Path(sys.modules["oscilab_sim"].__path__[0])
    copy = tmp_path / "copy" / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "__pycache__").touch()
    return str(copy.parent)


WHERE = "from oscilab_sim import kernels; print(kernels.hold.stats.cache_path)\n"


@pytest.mark.slow
def test_compiled_code_is_kept_where_the_package_cannot(read_only_package, tmp_path):
    """Numba falls back to the user's cache."""
    home = {name: str(tmp_path / "home") for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA")}
    done = run(USE.format(settings="") + WHERE, PYTHONPATH=read_only_package, **home)
    engine, cache = done.stdout.split()
    assert engine == "numba"
    assert cache.startswith(str(tmp_path / "home"))
    assert list(Path(cache).glob("*hold*.nbc"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a home that is no folder")
def test_without_any_cache_it_compiles_and_runs(read_only_package, tmp_path):
    (tmp_path / "file").touch()
    home = {name: str(tmp_path / "file") for name in ("HOME", "XDG_CACHE_HOME")}
    done = run(USE.format(settings="") + WHERE, PYTHONPATH=read_only_package, **home)
    assert done.stdout.split() == ["numba", "None"]
