import pytest

from oscilab.bench import find
from oscilab.errors import InvalidInput


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A working folder and a user's folder, both without benches."""
    work, user = tmp_path / "work", tmp_path / "user"
    work.mkdir()
    user.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(find, "user_folder", lambda: user)
    monkeypatch.delenv("OSCILAB_BENCH", raising=False)
    return work, user


def bench(path):
    path.write_text("schema = 1\n")
    return path


def test_the_order(places, tmp_path, monkeypatch):
    work, user = places
    assert find.find_bench() is None
    users = bench(user / "bench.toml")
    assert find.find_bench() == users
    here = bench(work / "bench.toml")
    assert find.find_bench() == here
    named = bench(tmp_path / "by-variable.toml")
    monkeypatch.setenv("OSCILAB_BENCH", str(named))
    assert find.find_bench() == named
    given = bench(tmp_path / "given.toml")
    assert find.find_bench(str(given)) == given


def test_a_relative_path_becomes_absolute(places):
    work, _ = places
    given = bench(work / "other.toml")
    assert find.find_bench("other.toml") == given


def test_a_name_is_looked_up_in_the_users_folder(places):
    _, user = places
    rack = bench(user / "rack0.toml")
    assert find.find_bench("rack0") == rack
    assert find.find_bench() is None


def test_an_unknown_name_lists_the_known_ones(places):
    _, user = places
    bench(user / "rack0.toml")
    with pytest.raises(
        InvalidInput, match=r"unknown bench 'rack' \(from --bench\).*rack0.*did you"
    ):
        find.find_bench("rack")


@pytest.mark.parametrize("name", ["gone.toml", "folder/gone"])
def test_a_path_that_is_not_there(places, name):
    with pytest.raises(InvalidInput, match=r"bench file .*gone.* does not exist"):
        find.find_bench(name)


def test_a_folder_is_no_bench(places, tmp_path):
    with pytest.raises(InvalidInput, match="is a folder"):
        find.find_bench(str(tmp_path))


def test_a_wrong_variable_is_named(places, monkeypatch):
    bench(places[0] / "bench.toml")
    monkeypatch.setenv("OSCILAB_BENCH", "gone.toml")
    with pytest.raises(InvalidInput, match=r"gone\.toml \(from OSCILAB_BENCH\) does not exist"):
        find.find_bench()
