"""The template of a front end makes a package that installs, is found, and passes the contract."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[2] / "templates" / "front_end"


def generated(folder: Path, **answers: str) -> Path:
    generate = pytest.importorskip("cookiecutter.main", reason="pip install cookiecutter")
    return Path(
        generate.cookiecutter(
            str(TEMPLATE), no_input=True, output_dir=str(folder), extra_context=answers,
            default_config=True,
        )
    )  # fmt: skip


def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    errors = pytest.importorskip("cookiecutter.exceptions", reason="pip install cookiecutter")
    with pytest.raises(errors.FailedHookException):
        generated(tmp_path, name="My DAQ")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_generated_front_end_installs_and_passes_the_contract(tmp_path: Path) -> None:
    package = generated(tmp_path, name="bridge")
    target = tmp_path / "site"
    install = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--no-index", "--no-build-isolation", "--target", str(target), str(package),
    ]  # fmt: skip
    subprocess.run(install, check=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(tests, cwd=package, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert " passed" in done.stdout
    where = "import oscilab_bridge; print(oscilab_bridge.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert found.stdout.startswith(str(target))
    train = [
        sys.executable, "-m", "oscilab", "train", "two-gaussians", "--device", "bridge0",
        "--steps", "2", "--set", "samples=20", "--out", str(tmp_path / "run.h5"),
    ]  # fmt: skip
    subprocess.run(train, check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert (tmp_path / "run.h5").is_file()
