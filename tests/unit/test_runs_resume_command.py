import os
import shlex
from pathlib import Path

import pytest

from oscilab.runs.opening import Choice
from oscilab.runs.training import resume_command


@pytest.mark.skipif(os.name == "nt", reason="shlex reads POSIX quoting only")
@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice("sim"), []),
        (Choice("daq0", "my bench.toml"), ["--device", "daq0", "--bench", "my bench.toml"]),
        (Choice("daq0", None, simulate=True), ["--device", "daq0", "--simulate"]),
    ],
)
def test_command_that_continues_a_run_keeps_what_stood_in_for_hardware(choice, words):
    command = shlex.split(resume_command(Path("a run.h5"), choice))
    assert command == ["oscilab", "train", "--resume", "a run.h5", *words]
