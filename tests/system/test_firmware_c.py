"""The firmware's C tests: golden transcripts, sanitizers, a bad line, fuzzers."""

import re
import shutil
import subprocess
import sys

import pytest
from firmware_build import CHECKED, FIRMWARE, SMALL, compiled, need, run, sources
from raw_device import GOLDEN


def test_the_golden_transcripts_are_what_their_script_writes(tmp_path):
    run(sys.executable, str(GOLDEN / "make_golden.py"), str(tmp_path))
    written = {path.name: path.read_bytes() for path in tmp_path.glob("*.txt")}
    assert written == {path.name: path.read_bytes() for path in GOLDEN.glob("*.txt")}
    assert len(written) >= 8


def test_the_firmware_answers_the_golden_transcripts_byte_by_byte(tmp_path):
    need("cc")
    files = sources("core/*.c", "tests/fake.c", "tests/test_golden.c")
    program = compiled(tmp_path / "golden", files, *SMALL)
    said = run(str(program), *map(str, sorted(GOLDEN.glob("*.txt"))))
    assert "0 of 8 transcripts differ" in said
    # The comparison detects one changed byte.
    spoilt = tmp_path / "spoilt.txt"
    text = (GOLDEN / "static.txt").read_text()
    spoilt.write_text(text.replace("< GET_OUTPUTS 04", "< GET_OUTPUTS 05", 1))
    assert subprocess.run([program, spoilt], capture_output=True, check=False).returncode == 1


@pytest.mark.slow
def test_the_c_tests_under_sanitizers(tmp_path):
    """CMake builds the tests without a warning."""
    need("cmake", "cc")
    said = run("cmake", "-B", str(tmp_path), str(FIRMWARE))
    said = run("cmake", "--build", str(tmp_path))
    assert "warning" not in said
    said = run("ctest", "--test-dir", str(tmp_path), "--output-on-failure")
    assert "100% tests passed, 0 tests failed out of 7" in said


@pytest.mark.slow
def test_a_million_frames_on_a_bad_line(tmp_path):
    """A CRC passes a damaged frame in 1 of 4000 seeds; the seed is fixed."""
    need("cc")
    files = sources("core/*.c", "tests/fake.c", "tests/client.c", "tests/test_storm.c")
    program = compiled(tmp_path / "storm", files, *SMALL, *CHECKED)
    said = run(str(program), "1000000", "7")
    assert re.match(r"10000\d\d frames, 66\d+ of them damaged, .*every level once", said)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fuzz_frames", "fuzz_commands", "fuzz_plant"])
def test_fuzzers_find_nothing(name, tmp_path):
    """Run the stored corpus, and some seconds of fuzzing from it."""
    need("clang")
    program = tmp_path / name
    files = sources("core/*.c", f"tests/{name}.c")
    files += (
        sources("plant/*.c", "tests/plant_hal.c")
        if name == "fuzz_plant"
        else sources("tests/fake.c", "tests/client.c")
    )
    includes = [f"-I{FIRMWARE / folder}" for folder in ("core", "plant", "tests")]
    flags = ["-g", "-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
    made = subprocess.run(
        ["clang", "-std=c11", *flags, *SMALL, *includes, *files, "-lm", "-o", program],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "libclang_rt" in made.stderr:
        pytest.skip("needs clang's runtime (Debian: libclang-rt-14-dev), which is not installed")
    assert made.returncode == 0, made.stderr
    corpus = tmp_path / "corpus"
    shutil.unpack_archive(FIRMWARE / "tests" / "corpus" / f"{name}.tar.gz", corpus, filter="data")
    assert len(list(corpus.iterdir())) > 20
    run(str(program), "-max_total_time=5", "-max_len=2000", "-timeout=60", str(corpus))
