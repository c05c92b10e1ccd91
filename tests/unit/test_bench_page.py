"""The page on bench files lists every key with its default."""

import re
import tomllib
from pathlib import Path

from oscilab.bench.schema import DeviceTable
from oscilab.wired.interlocks import Interlock
from oscilab.wired.limits import AnalogLimit, DigitalLimit
from oscilab.wired.settings import WiredSettings

PAGE = (Path(__file__).parents[2] / "oscilab" / "bench" / "FORMAT.md").read_text("utf-8")


def rows(heading):
    """Return the cells of the tables in one section of the page, without headings."""
    part = PAGE.partition(heading)[2].partition("\n## ")[0]
    table = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in table]


def in_backticks(rows):
    return [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]


def test_keys_of_a_device():
    assert sorted(in_backticks(rows("# The bench file"))) == sorted(DeviceTable.model_fields)


def test_settings_of_a_wired_device():
    told = rows("## settings of a wired device")
    # Faults are for those who test oscilab itself.
    assert {*in_backticks(told), "faults"} == set(WiredSettings.model_fields)
    defaults = WiredSettings()
    for names, default, _ in told:
        for name, text in zip(re.findall(r"`(\w+)`", names), default.split(", "), strict=False):
            value = getattr(defaults, name)
            assert (
                text in ("by term", "the fastest")
                or text.strip('`"') == str(value)
                or (float(text) == value)
            )


def test_its_examples_fit():
    blocks = re.findall(r"(?:^    .*\n)+", PAGE, re.M)
    tables = [tomllib.loads(re.sub("^    ", "", it, flags=re.M)) for it in blocks if "[dev" in it]
    limits, interlocks = (table["devices"]["daq0"] for table in tables)
    for name, limit in limits["limits"].items():
        (DigitalLimit if name == "clamp_enable" else AnalogLimit).model_validate(limit)
    for interlock in interlocks["interlocks"].values():
        Interlock.model_validate(interlock)
