import re
import sys

import pytest
from small_packages import SmallPackages

from oscilab.bench import find
from oscilab.cli.main import main


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The working folder; the user's folder is empty."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(find, "user_folder", lambda: tmp_path / "user")
    for variable in ("OSCILAB_BENCH", "OSCILAB_DEBUG"):
        monkeypatch.delenv(variable, raising=False)
    return folder


@pytest.fixture
def cli(work, capsys, monkeypatch):
    """Runs a command in the working folder: exit code, stdout, stderr."""
    # main() installs its own hook for the rest of the process.
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def run(*arguments):
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def refused(cli, work):
    """Run a command that must be refused in one sentence and leave no files."""

    def run(*arguments):
        before = sorted(work.rglob("*"))
        code, out, err = cli(*arguments)
        assert code == 2
        assert out == ""
        assert err.startswith("oscilab: ")
        assert err.count("\n") == 1
        assert sorted(work.rglob("*")) == before
        return err

    return run


def test_version(cli):
    code, out, _ = cli("--version")
    assert code == 0
    assert out.startswith("oscilab ")


def test_without_a_command_the_help_is_shown(cli):
    code, out, _ = cli()
    assert code == 0
    for command in ("train", "sample", "devices", "experiments", "benches", "check", "init-bench"):
        assert command in out


def test_devices_without_a_bench(cli):
    code, out, _ = cli("devices")
    assert code == 0
    assert re.search(r"sim +simulated +any +built in", out)
    assert "oscilab init-bench" in out


def test_the_example_bench_is_written_once_and_passes_its_check(cli, refused, work):
    code, out, _ = cli("init-bench")
    assert code == 0
    assert "wrote bench.toml" in out
    path = work / "bench.toml"
    written = path.read_bytes()
    assert "bench.toml exists and is not overwritten" in refused("init-bench")
    assert path.read_bytes() == written
    code, out, err = cli("check", "bench.toml")
    assert (code, err) == (0, "")
    assert "2 devices, all well described" in out
    code, out, _ = cli("devices")
    assert code == 0
    assert "8x8 lattice, radius 3" in out
    assert str(path) in out


def test_check_takes_the_bench_in_use(cli, refused, work):
    assert "there is no bench file to check" in refused("check")
    cli("init-bench")
    code, out, _ = cli("check")
    assert code == 0
    assert str(work / "bench.toml") in out


@pytest.mark.parametrize("target", ["no/such/folder/bench.toml", "file.txt/bench.toml", "."])
def test_a_place_that_cannot_be_written(refused, work, target):
    (work / "file.txt").write_text("")
    assert "give" in refused("init-bench", target)


def test_benches_shows_the_order_and_the_names(cli, tmp_path):
    cli("init-bench")
    user = tmp_path / "user"
    user.mkdir()
    (user / "rack0.toml").write_text("schema = 1\n")
    code, out, _ = cli("benches")
    assert code == 0
    lines = out.splitlines()
    for line, place in zip(
        lines[1:5],
        ["--bench", "OSCILAB_BENCH", "the working folder", "the user's folder"],
        strict=True,
    ):
        assert line.startswith(place)
        assert ("used" in line) == (place == "the working folder")
    assert ["rack0", "user", str(user / "rack0.toml")] in [line.split() for line in lines]
    assert lines[-1] == f"A file NAME.toml in {user} can be given as --bench NAME."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["devices", "--bench", "gone.toml"], "gone.toml (from --bench) does not exist"),
        (["devices", "--bench", "shed0"], "unknown bench 'shed0'"),
        (["check", "gone.toml"], "gone.toml (from --bench) does not exist"),
        (["train", "--set", "batch"], "'batch' is not of the form key=value"),
        (["train", "--set", "batch="], "'batch=' has no value"),
        (["train", "--slices", "3", "--set", "slices=4"], "slices is set twice, to 3 and to 4"),
        (["train", "--slices", "x"], "'--slices': 'x' is not a whole number"),
        (["train", "--slices", "0"], "'--slices': 0 is below 1"),
        (["train", "--radius", "nan"], "'--radius': nan is not a finite number of 0 or more"),
        (["train", "--radius", "far"], "'--radius': 'far' is not a number"),
        (["train", "--readout", "neat"], "'neat' is not one of 'raw', 'denoised'"),
        (["train", "--log-batches", "some"], "'some' is neither 'all' nor a number above zero"),
        (["train", "--log-batches", "0"], "'0' is neither 'all' nor a number above zero"),
        (["train", "--slicse", "3"], "No such option: --slicse"),
        (["train", "digits", "too"], "unexpected extra argument"),
        (["sample"], "Missing argument 'RUN'"),
        (["sample", "run.h5", "-n", "0"], "'-n': 0 is below 1"),
        (["tarin"], "No such command 'tarin'. Did you mean 'train'"),
    ],
)
def test_bad_input_is_one_sentence(refused, arguments, words):
    assert words in refused(*arguments)


def test_a_bad_bench_is_one_sentence(refused, work):
    path = work / "bench.toml"
    path.write_text('schema = 1\n[devices.a]\narray = "simulated"\ncolour = "red"\n')
    for command in ("check", "devices"):
        assert f"bench file {path}: unknown key devices.a.colour; known: array" in refused(command)
    path.write_text("schema = 1\n[devices.a]\narray =\n")
    for command in ("check", "devices"):
        assert "is not valid TOML" in refused(command)


def test_experiments_are_listed(cli):
    code, out, _ = cli("experiments")
    assert code == 0
    for name in ("digits", "two-gaussians", "mnist01"):
        assert any(line.startswith(name) for line in out.splitlines())


def test_every_setting_is_listed(cli):
    code, out, _ = cli("experiments", "--settings")
    assert code == 0
    keys = [line.split()[0] for line in out.splitlines() if line]
    assert {"t_min", "encoder.rms", "checkpoint_every"} <= set(keys)


@pytest.fixture
def packages(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return SmallPackages(folder)


HELLO = """
import typer

app = typer.Typer()

@app.command()
def world(name: str = "you"):
    print("hello", name)

@app.command()
def fail():
    from oscilab.errors import DeviceFailed
    raise DeviceFailed("board B does not answer;\\nswitch it on")

@app.command()
def stop():
    raise KeyboardInterrupt

def plain(name: str):
    print("plain", name)
"""


@pytest.fixture
def hello(packages):
    entries = {"hello": "hello_commands:app", "plain": "hello_commands:plain", "broken": "gone:x"}
    packages.install("hello", {"hello_commands.py": HELLO}, {"oscilab.commands": entries})


def test_packages_bring_commands(hello, cli):
    code, out, _ = cli("--help")
    assert code == 0
    assert "From the package hello." in out
    assert cli("hello", "world", "--name", "bench") == (0, "hello bench\n", "")
    assert cli("plain", "bench") == (0, "plain bench\n", "")


def test_a_broken_command_breaks_only_itself(hello, cli):
    assert cli("devices")[0] == 0
    code, out, err = cli("broken")
    assert (code, out) == (1, "")
    assert err.startswith("oscilab: the command 'broken' cannot be loaded: ")
    assert err.count("\n") == 1


def test_an_error_has_its_own_exit_code_and_one_line(hello, cli, monkeypatch):
    assert cli("hello", "fail") == (4, "", "oscilab: board B does not answer; switch it on\n")
    monkeypatch.setenv("OSCILAB_DEBUG", "1")
    code, _, err = cli("hello", "fail")
    assert code == 4
    assert err.startswith("Traceback")
    assert err.endswith("oscilab: board B does not answer; switch it on\n")


def test_ctrl_c_is_a_sentence(hello, cli):
    assert cli("hello", "stop") == (130, "", "oscilab: stopped by Ctrl-C\n")
