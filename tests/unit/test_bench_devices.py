import numpy as np
import pytest
from small_packages import SmallPackages

from oscilab.arrays import OscillatorArray
from oscilab.bench import check_device, device_named, find, list_devices, open_array
from oscilab.errors import InvalidInput, OscilabError
from oscilab.physics import Potential, all_to_all, lattice

BENCH = """\
schema = 1
[devices.pair]
array = "simulated"
topology = { kind = "all-to-all", rows = 1, columns = 2 }
settings = { engine = "numpy" }
[devices.grid]
array = "simulated"
topology = { kind = "lattice", rows = 3, columns = 3, radius = 1 }
terms = ["bias", "stiffness", "coupling"]
settings = { engine = "numpy", clamp = 5, ranges = { stiffness = [-3, 10] } }
[devices.free]
array = "simulated"
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The working folder; the user's folder is empty."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(find, "user_folder", lambda: tmp_path / "user")
    monkeypatch.delenv("OSCILAB_BENCH", raising=False)
    return folder


@pytest.fixture
def bench(work):
    path = work / "bench.toml"
    path.write_text(BENCH)
    return path


def refusal(action, *arguments):
    with pytest.raises(InvalidInput) as caught:
        action(*arguments)
    return str(caught.value)


def test_sim_is_always_there(work):
    assert list_devices()[0].name == "sim"
    assert all(device.bench.folder.name == "benches" for device in list_devices()[1:])
    assert device_named("sim").topology() is None


def test_sim_works_beside_a_broken_bench(work):
    (work / "bench.toml").write_text("schema = ")
    assert device_named("sim").bench is None
    refusal(device_named, "pair")


def test_a_bench_that_is_asked_for_is_read_even_for_sim(work):
    assert "gone.toml" in refusal(device_named, "sim", "gone.toml")


def test_devices_of_the_bench_follow(bench):
    assert [device.name for device in list_devices()][:4] == ["sim", "pair", "grid", "free"]
    pair = device_named("pair")
    assert pair.bench.path == bench
    assert pair.origin == str(bench)
    assert pair.topology().edges.tolist() == [[0, 1]]
    assert device_named("free").topology() is None


def test_an_unknown_device_lists_the_known_ones_and_their_file(bench):
    message = refusal(device_named, "gird")
    assert "unknown device 'gird'; the devices are: sim, pair, grid, free" in message
    assert "did you mean 'grid'?" in message
    assert str(bench) in message


def test_opening_takes_settings_name_and_seed(bench):
    grid = device_named("grid")
    array = open_array(grid, Potential(grid.topology(), grid.terms), seed=3)
    assert isinstance(array, OscillatorArray)
    description = array.description
    assert description.identity.name == "grid"
    assert description.clamp_upper.tolist() == [5.0] * 9
    stiffness = description.potential.family("stiffness").where
    assert set(description.box.upper[stiffness]) == {10.0}


def test_the_seed_reaches_the_array(bench):
    pair = device_named("pair")
    potential = Potential(pair.topology(), ["stiffness"])
    ends = [
        open_array(pair, potential, seed).relax(np.ones(2), np.zeros((4, 2)), 1.0).end
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[0], ends[2])


def test_a_potential_that_the_device_lacks_is_refused(bench):
    grid = device_named("grid")
    size = Potential(all_to_all(1, 2), ["bias"])
    assert "has 9 oscillators" in refusal(open_array, grid, size, 0)
    edges = Potential(lattice(3, 3, 1.5), ["bias", "coupling"])
    assert "lacks 8 edges" in refusal(open_array, grid, edges, 0)
    terms = Potential(lattice(3, 3, 1), ["bias", "cubic"])
    assert "has no term cubic; it has: bias, stiffness, coupling" in refusal(
        open_array, grid, terms, 0
    )


def test_a_part_of_the_devices_edges_is_enough(bench):
    grid = device_named("grid")
    array = open_array(grid, Potential(lattice(3, 3, 0), ["bias", "stiffness"]), 0)
    assert array.description.potential.topology.edges.size == 0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("clamp = 5", "clmp = 5", "unknown key devices.grid.settings.clmp; known: clamp,"),
        ("clamp = 5", "clamp = nan", "devices.grid.settings.clamp is nan, but must be a finite"),
        ("clamp = 5", "clamp = 'x'", "devices.grid.settings.clamp is 'x', but must be a number"),
        ("[-3, 10]", "[-3]", "devices.grid.settings.ranges.stiffness[1] is missing"),
        (
            '"simulated"',
            '"simulted"',
            "devices.pair.array: unknown array 'simulted'; the arrays are",
        ),
    ],
)
def test_checking_asks_the_plugin(bench, old, new, words):
    bench.write_text(BENCH.replace(old, new, 1))

    def check_all():
        for device in list_devices():
            check_device(device)

    message = refusal(check_all)
    assert message.startswith(f"bench file {bench}: ")
    assert words in message


def test_checking_a_good_bench(bench):
    for device in list_devices():
        check_device(device)


def test_an_edge_list_lies_beside_its_bench(work, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    text = 'kind = "file", path = "e.csv", oscillators = 3, rows = 1, columns = 3'
    table = f'schema = 1\n[devices.ring]\narray = "simulated"\ntopology = {{ {text} }}\n'
    (folder / "ring.toml").write_text(table)
    ring = device_named("ring", str(folder / "ring.toml"))
    assert "e.csv cannot be read" in refusal(check_device, ring)
    (folder / "e.csv").write_text("0,1\n1,2\n2,0\n")
    check_device(ring)
    assert ring.topology().edges.tolist() == [[0, 1], [0, 2], [1, 2]]


@pytest.fixture
def packages(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return SmallPackages(folder)


def test_examples_follow_where_no_bench_was_asked_for(bench, packages):
    example = 'schema = 1\n[devices.shed0]\narray = "simulated"\n[devices.pair]\narray = "other"\n'
    packages.install(
        "examples",
        {"example_benches_a/__init__.py": "", "example_benches_a/shed0.toml": example},
        {"oscilab.benches": {"more-examples": "example_benches_a"}},
    )
    assert device_named("shed0").bench.name == "shed0"
    # The user's own device wins over the example of the same name.
    assert device_named("pair").bench.path == bench
    assert "shed0" not in [device.name for device in list_devices(str(bench))]
    assert [device.name for device in list_devices("shed0")] == ["sim", "shed0", "pair"]


def test_files_of_a_wired_device_must_exist(work):
    (work / "bench.toml").write_text(
        "schema = 1\n"
        "[devices.daq0]\n"
        'array = "wired"\n'
        'front_end = "virtual"\n'
        'terms = ["stiffness"]\n'
        'wiring = "daq0.wiring.csv"\n'
        'topology = { kind = "all-to-all", rows = 1, columns = 2 }\n'
        "limits = { ao0 = 1 }\n"
    )
    daq0 = device_named("daq0")
    assert "devices.daq0.wiring names the file" in refusal(check_device, daq0)
    (work / "daq0.wiring.csv").write_text("")
    assert "names no channel for clamp_enable[0]" in refusal(check_device, daq0)


def test_a_plugin_that_is_no_array_is_refused(work, packages):
    packages.install(
        "nothing", {"no_array.py": "x = 3"}, {"oscilab.arrays": {"nothing": "no_array:x"}}
    )
    (work / "bench.toml").write_text('schema = 1\n[devices.a]\narray = "nothing"\n')
    with pytest.raises(OscilabError, match=r"'nothing' .* is 3, which lacks Settings"):
        check_device(device_named("a"))
