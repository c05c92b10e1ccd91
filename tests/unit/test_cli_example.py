import os
import subprocess
import sys

import pytest

from oscilab.bench import read_bench
from oscilab.cli.bench_commands import example_text
from oscilab.cli.main import main


def test_the_wired_device_in_the_comments_can_be_used(tmp_path, capsys):
    text = example_text().decode()
    head, _, tail = text.partition("# [devices.daq0]\n")
    wired = "\n".join(line[2:] for line in tail.splitlines())
    path = tmp_path / "bench.toml"
    path.write_text(f"{head}[devices.daq0]\n{wired}\n")
    daq0 = read_bench(path).devices["daq0"]
    assert daq0.front_end == "nidaq"
    assert daq0.limits
    assert daq0.settings["start"] == "assume-safe"
    assert main(["check", str(path)]) == 0, capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="only POSIX bounds the size of files")
def test_a_full_disk_leaves_nothing_behind(tmp_path):
    script = (
        "import resource, sys\n"
        "from oscilab.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "sys.exit(main(['init-bench', 'bench.toml']))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-B", "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("oscilab: bench.toml cannot be written: ")
    assert list(tmp_path.iterdir()) == []
