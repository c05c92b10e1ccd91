"""The firmware's port for this computer, compiled once per version of its sources."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

import oscilab_firmware
from oscilab.errors import DeviceFailed, OscilabError

HOST_FOLDERS = ("core", "plant", "hal_host")
"""Source folders of the port for this computer."""
COMPILERS = ("cc", "gcc", "clang", "cl")
DEFINED = 'OSC_CONFIG_OF_PORT="config_host.h"'
NAME = "oscilab-firmware.exe" if sys.platform == "win32" else "oscilab-firmware"
TIMEOUT_S = 300.0
START_S = 30.0
STOP_S = 5.0


@dataclass(frozen=True)
class Compiler:
    """A C compiler, as the words of its command."""

    words: tuple[str, ...]

    @property
    def is_msvc(self) -> bool:
        """Whether it takes Microsoft's options."""
        return Path(self.words[0]).stem.lower() in ("cl", "clang-cl")

    def command(self, sources: list[str], folders: list[str], program: str) -> list[str]:
        """Return the command that compiles `sources` into `program`."""
        if self.is_msvc:
            include = [f"/I{folder}" for folder in folders]
            made = [f"/Fe:{program}", "/link", "ws2_32.lib"]
            return [
                *self.words,
                "/nologo",
                "/std:c11",
                "/O2",
                f"/D{DEFINED}",
                *include,
                *sources,
                *made,
            ]
        include = [f"-I{folder}" for folder in folders]
        libraries = ["-lws2_32"] if sys.platform == "win32" else ["-lm"]
        flags = ["-std=c11", "-O2", f"-D{DEFINED}"]
        return [*self.words, *flags, *include, *sources, "-o", program, *libraries]


def find_compiler() -> Compiler | None:
    """Return the C compiler named by CC, or the first that is installed."""
    named = os.environ.get("CC")
    if named:
        return Compiler(tuple(shlex.split(named, posix=sys.platform != "win32")))
    found = next((path for path in map(shutil.which, COMPILERS) if path), None)
    return Compiler((found,)) if found else None


def host_program() -> Path:
    """Return the path of the compiled firmware in the user's cache; compile it if necessary.

    Raises:
        DeviceFailed: there is no C compiler, or it fails.
    """
    compiler = find_compiler()
    if compiler is None:
        raise DeviceFailed(
            f"the firmware cannot be compiled: there is no C compiler ({', '.join(COMPILERS)}); "
            "install one, or name it with the environment variable CC"
        )
    source = firmware_folder()
    folder = platformdirs.user_cache_path("oscilab") / "firmware" / _fingerprint(source, compiler)
    program = folder / NAME
    if not program.is_file():
        _compile(compiler, source, folder, program)
    return program


def _compile(compiler: Compiler, source: Path, folder: Path, program: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / NAME
        sources = [str(path) for path in _files(source) if path.suffix == ".c"]
        folders = [str(source / name) for name in HOST_FOLDERS]
        command = compiler.command(sources, folders, str(made))
        try:
            done = subprocess.run(
                command, cwd=scratch, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DeviceFailed(
                f"the firmware cannot be compiled: {command[0]} did not run ({error}); check it, "
                "or name another with the environment variable CC"
            ) from error
        if done.returncode or not made.is_file():
            said = " ".join((done.stderr or done.stdout).split())[-600:]
            raise DeviceFailed(
                f"the firmware cannot be compiled by {command[0]}: {said}; install another "
                "compiler, or name it with the environment variable CC"
            )
        # Atomic, because two processes may compile at once.
        made.replace(program)


def firmware_folder() -> Path:
    """Return the folder of the firmware's C sources.

    In a checkout it is beside the host's package, in an installation inside it.

    Raises:
        OscilabError: they are missing.
    """
    here = Path(oscilab_firmware.__file__).parent
    for folder in (here / "firmware", here.parent / "firmware"):
        if (folder / "core").is_dir():
            return folder
    raise OscilabError(f"the firmware's sources are missing beside {here}; install oscilab again")


def _files(source: Path) -> Iterator[Path]:
    for name in HOST_FOLDERS:
        yield from sorted((source / name).glob("*.[ch]"))


def _fingerprint(source: Path, compiler: Compiler) -> str:
    digest = hashlib.sha256(repr((compiler.command([], [], NAME), sys.platform)).encode())
    for path in _files(source):
        digest.update(f"{path.relative_to(source).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


class FirmwareProcess:
    """A firmware process that listens at `port`; with `--child` it ends with its owner.

    Raises:
        DeviceFailed: it does not start.
    """

    def __init__(self, program: Path, arguments: Sequence[str], **options: Any) -> None:
        command = [str(program), *arguments]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
            )
        except OSError as error:
            raise DeviceFailed(f"the firmware {program} cannot be started: {error}") from error
        timer = threading.Timer(START_S, self._process.kill)
        timer.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        timer.cancel()
        try:
            self.port = str(json.loads(line)["port"])
        except ValueError:
            self._process.kill()
            code = self._process.wait()
            self._close_pipes()
            raise DeviceFailed(
                f"the firmware {' '.join(command)} did not start (it ended with code {code}, "
                f"saying {line.strip()!r}); delete it, and it is compiled again"
            ) from None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def kill(self) -> None:
        """Kill the process, as a power failure would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End the process by closing its standard input."""
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
