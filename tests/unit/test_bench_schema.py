import hashlib

import pytest

from oscilab.bench import read_bench
from oscilab.errors import InvalidInput

SIMULATED = """\
schema = 1
[devices.virt]
array = "simulated"
topology = { kind = "lattice", rows = 8, columns = 8, radius = 1.5 }
terms = ["bias", "stiffness"]
settings = { clamp = 5 }
"""
WIRED = """\
schema = 1
[devices.daq0]
array = "wired"
front_end = "nidaq"
wiring = "daq0.wiring.csv"
calibration = "daq0.calibration.toml"
topology = { kind = "all-to-all", rows = 1, columns = 2 }
[devices.daq0.connection]
boards = ["PXI1Slot2"]
[devices.daq0.limits]
ao0 = { range = [-5, 5], slew = 100, safe = 0 }
[devices.daq0.interlocks]
door = "di0"
[devices.daq0.twin]
noise = 0.1
"""


def bench_of(tmp_path, text):
    path = tmp_path / "bench.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_bench(path)


def refusal(tmp_path, text):
    with pytest.raises(InvalidInput) as caught:
        bench_of(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"bench file {tmp_path / 'bench.toml'}")
    assert "\n" not in message
    return message


def test_a_simulated_device(tmp_path):
    bench = bench_of(tmp_path, SIMULATED)
    device = bench.devices["virt"]
    assert device.settings == {"clamp": 5}
    assert device.topology.build(bench.folder).oscillators == 64
    assert bench.name == "bench"
    assert bench.sha256 == hashlib.sha256(SIMULATED.encode()).hexdigest()


def test_a_wired_device(tmp_path):
    device = bench_of(tmp_path, WIRED).devices["daq0"]
    assert device.front_end == "nidaq"
    assert device.connection == {"boards": ["PXI1Slot2"]}
    assert device.limits == {"ao0": {"range": [-5, 5], "slew": 100, "safe": 0}}


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    assert "virt" in bench_of(tmp_path, b"\xef\xbb\xbf" + SIMULATED.encode()).devices


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rows = 8", "rows = 'eight'", "devices.virt.topology.rows is 'eight', but must be an int"),
        ("rows = 8", "rows = true", "devices.virt.topology.rows is True"),
        ("rows = 8", "rows = -1", "devices.virt.topology.rows is -1, but must be greater than 0"),
        ("rows = 8", "row = 8", "unknown key devices.virt.topology.row; known: kind, rows,"),
        ("rows = 8", "row = 8", "did you mean 'rows'?"),
        ("rows = 8, ", "", "devices.virt.topology.rows is missing; add it"),
        ("radius = 1.5", "radius = inf", "devices.virt.topology.radius is inf"),
        ("radius = 1.5", "radius = -2", "devices.virt.topology.radius is -2"),
        ('"lattice"', '"latice"', "devices.virt.topology.kind is 'latice', but must be one of"),
        ('kind = "lattice", ', "", "devices.virt.topology.kind is missing"),
        ('{ kind = "lattice", rows = 8, columns = 8, radius = 1.5 }', "3", "must be a table"),
        ("schema = 1", "schema = 2", "schema is 2, but must be 1"),
        ("schema = 1", "", "schema is missing"),
        ("schema = 1", "schema = 1\ncolour = 1", "unknown key colour; known: schema, devices"),
        ("[devices.virt]", "[device.virt]", "unknown key device; known: schema, devices; did you"),
        ('array = "simulated"', "", "devices.virt.array is missing"),
        ('array = "simulated"', "array = 3", "devices.virt.array is 3, but must be a string"),
        ("[devices.virt]", "[devices.virt]\nfrontend = ''", "did you mean 'front_end'?"),
        ("[devices.virt]", "[devices.virt]\nlimits = {}", "devices.virt.limits"),
        ('"bias"', '"bais"', "devices.virt.terms: unknown term 'bais'; known: bias, stiffness"),
        ('"bias"', '"stiffness"', "devices.virt.terms: term 'stiffness' is named twice"),
        ('"bias"', "3", "devices.virt.terms[0] is 3, but must be a string"),
        ("[devices.virt]", "[devices.sim]", "'sim' names the built-in device"),
        ("[devices.virt]", "[devices.'a/b']", "the device name 'a/b' is not a letter or digit"),
        ("settings = {", "settings = 3 #", "devices.virt.settings is 3, but must be a table"),
    ],
)
def test_each_mistake_is_one_sentence(tmp_path, old, new, words):
    assert old in SIMULATED
    assert words in refusal(tmp_path, SIMULATED.replace(old, new, 1))


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("front_end", 'front_end = "nidaq"\n'),
        ("topology", 'topology = { kind = "all-to-all", rows = 1, columns = 2 }\n'),
        ("limits", "[devices.daq0.limits]\nao0 = { range = [-5, 5], slew = 100, safe = 0 }\n"),
    ],
)
def test_a_wired_array_needs(tmp_path, key, lines):
    assert lines in WIRED
    message = refusal(tmp_path, WIRED.replace(lines, ""))
    assert f"devices.daq0: a wired array needs {key}; add it" in message


@pytest.mark.parametrize(
    "line",
    [
        'front_end = "nidaq"',
        'wiring = "w.csv"',
        'calibration = "c.toml"',
        "connection = { boards = 1 }",
        "limits = { ao0 = 1 }",
        "interlocks = { door = 1 }",
        "twin = { noise = 1 }",
    ],
)
def test_a_simulated_array_takes_no_hardware(tmp_path, line):
    key = line.partition(" ")[0]
    message = refusal(tmp_path, SIMULATED + line + "\n")
    assert f"devices.virt: a simulated array has no {key}; remove it" in message


def test_bad_toml_gives_the_line(tmp_path):
    message = refusal(tmp_path, "schema = 1\n[devices.virt]\narray = \n")
    assert "is not valid TOML" in message
    assert "line 3" in message


def test_another_encoding_gives_the_line(tmp_path):
    assert "line 2: not UTF-8" in refusal(tmp_path, "schema = 1\n# Gerät".encode("latin-1"))


def test_a_missing_file(tmp_path):
    with pytest.raises(InvalidInput, match=r"bench\.toml cannot be read: .*; check its path"):
        read_bench(tmp_path / "bench.toml")
