"""Start-up of the console script, which must be quick and import few packages."""

import os
import subprocess
import sys

HEAVY = [
    "numba", "sklearn", "scipy", "matplotlib", "h5py", "xarray", "nidaqmx", "grpc", "pyvisa",
    "prompt_toolkit", "zmq", "PySide6", "pyqtgraph",
]  # fmt: skip


def python(script, *, env=None):
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **(env or {})},
    )


def test_help_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from oscilab.cli.main import main\n"
        "code = main(['--help'])\n"
        f"print('heavy:', [name for name in {HEAVY} if name in sys.modules])\n"
        "sys.exit(code)\n"
    )
    ended = python(script)
    assert ended.returncode == 0, ended.stderr
    assert "train" in ended.stdout
    assert "traces" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "heavy: []"


def test_the_console_script_is_installed():
    folder = os.path.dirname(sys.executable)  # noqa: PTH120
    ended = subprocess.run(
        [os.path.join(folder, "oscilab"), "--version"],  # noqa: PTH118
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0
    assert ended.stdout.startswith("oscilab ")


def test_a_fault_is_one_line_unless_asked_for_more():
    script = (
        "import sys\n"
        "from oscilab.cli import bench_commands, main\n"
        "def experiments():\n"
        "    raise ZeroDivisionError('by design')\n"
        "bench_commands.experiments = experiments\n"
        "sys.exit(main.main(['experiments']))\n"
    )
    ended = python(script, env={"OSCILAB_DEBUG": ""})
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "oscilab: a fault in oscilab itself (ZeroDivisionError: by design)" in ended.stderr
    ended = python(script, env={"OSCILAB_DEBUG": "1"})
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr


def test_a_console_without_the_characters_still_gets_the_sentence():
    script = (
        "import sys\nfrom oscilab.cli.main import main\nsys.exit(main(['check', 'Gerät.toml']))"
    )
    ended = python(script, env={"PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 2
    assert ended.stderr.startswith(r"oscilab: bench file Ger\xe4t.toml (from --bench) does not")


def test_ctrl_c_while_the_command_line_is_imported_is_one_sentence():
    script = (
        "import runpy, signal, sys\n"
        "class Impatience:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer':\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Impatience())\n"
        "sys.argv = ['oscilab', 'devices']\n"
        "runpy.run_module('oscilab', run_name='__main__')\n"
    )
    ended = python(script)
    assert (ended.returncode, ended.stderr) == (130, "oscilab: stopped by Ctrl-C\n")
