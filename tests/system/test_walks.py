"""The walks in ARCHITECTURE.md name functions in the order in which a real run calls them."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from oscilab.cli.main import main

ROOT = Path(__file__).parents[2]
MAP = ROOT / "ARCHITECTURE.md"
STEP = re.compile(r"^(\d+)\. `([^`]+)` `([^`]+)` - (.+)$", re.M)
SMALL = ["--steps", "2", "--slices", "2", "--batch", "4", "--samples", "200", "--no-publish"]
RUNS = {
    "One batch": ["--device", "virtual0"],
    "One setting": ["--device", "sim", "--set", "rate=0.05"],
    "One row": ["--device", "sim", "--log-batches", "all"],
}
"""The options beside `SMALL` of the training in which each walk is traced."""


@dataclass(frozen=True)
class Call:
    """A function by the file that it is in, as a walk names it."""

    file: str
    function: str


def walks():
    """The walks of the page: title, and the functions in order."""
    part = MAP.read_text("utf-8").partition("\n## Walks\n")[2].partition("\n## ")[0]
    titled = re.split(r"^### (.+)$", part, flags=re.M)[1:]
    found = dict(zip(titled[::2], titled[1::2], strict=True))
    return {
        title: [Call(*step[1:3]) for step in STEP.findall(text)] for title, text in found.items()
    }


def traced(wanted, options, folder):
    """The calls of `wanted` functions, in order, in one training of this process."""
    names = {(str(ROOT / call.file), call.function): call for call in wanted}
    found: list[Call] = []

    def note(frame, event, _):
        if event == "call":
            code = frame.f_code
            call = names.get((code.co_filename, code.co_qualname))
            if call is not None:
                found.append(call)

    sys.setprofile(note)
    try:
        code = main(["train", "two-gaussians", *SMALL, *options, "--out", str(folder / "run.h5")])
    finally:
        sys.setprofile(None)
    assert code == 0
    return found


def out_of_order(walk, calls):
    """The first function of `walk` that is not called after the one before it; None if all are."""
    rest = iter(calls)
    return next((step for step in walk if step not in rest), None)


def test_each_walk_is_traced_in_a_run():
    found = walks()
    assert list(found) == list(RUNS)
    numbers = [int(number) for number, *_ in STEP.findall(MAP.read_text("utf-8"))]
    assert numbers == [n for walk in found.values() for n in range(1, len(walk) + 1)]
    assert all(len(walk) >= 10 for walk in found.values())


@pytest.mark.parametrize("title", RUNS)
def test_a_walk_is_walked(title, tmp_path):
    walk = walks()[title]
    calls = traced(walk, RUNS[title], tmp_path)
    assert [step for step in walk if step not in calls] == []
    assert out_of_order(walk, calls) is None
    # That the order is looked at.
    assert out_of_order([*walk[1:], walk[0]], calls[: calls.index(walk[-1]) + 1]) is not None
