"""Building the firmware for tests: the host port, its C tests, the Cortex-M4F image."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "firmware_bridge" / "firmware"
WARN = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
CHECKED = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
SMALL = ["-DOSC_STORE=4096", "-DOSC_READINGS=1024"]


def need(*programs: str) -> None:
    """Skip where a program is missing."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}, which is not installed")


def sources(*patterns: str) -> list[str]:
    """Return source files of the firmware."""
    return [str(path) for pattern in patterns for path in sorted(FIRMWARE.glob(pattern))]


def compiled(target: Path, files: list[str], *flags: str) -> Path:
    """Compile a program with the C compiler; warnings are errors."""
    includes = [f"-I{FIRMWARE / folder}" for folder in ("core", "plant", "tests")]
    run("cc", *WARN, *flags, *includes, *files, "-lm", "-o", str(target))
    return target


def host_port(target: Path) -> Path:
    """Compile the host port with the command of the README."""
    files = sources("core/*.c", "plant/*.c", "hal_host/*.c")
    config = '-DOSC_CONFIG_OF_PORT="config_host.h"'
    return compiled(target, files, "-O2", config, f"-I{FIRMWARE / 'hal_host'}")


def image(folder: Path) -> tuple[Path, str]:
    """Build the image for the emulated board; return it and the build's output."""
    run("cmake", "-DPORT=mps2_an386", "-B", str(folder), str(FIRMWARE))
    said = run("cmake", "--build", str(folder))
    return folder / "oscilab-firmware.elf", said


def run(*command: str, limit_s: float = 600, cwd: Path | None = None) -> str:
    """Run a command, which must succeed, and return its output."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=limit_s, cwd=cwd,
        # The leak sanitizer does not work in every environment.
        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def script(path: Path):
    """Return a Python file beside the firmware as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
