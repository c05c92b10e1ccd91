"""Break one place of a package at a time, and see whether its tests notice.

    pip install cosmic-ray
    nice python tests/mutation/mutate.py physics --count 100 --seed 0

cosmic-ray breaks the code and runs the tests. This script gives it a copy of the checkout, which
stays as it is, and a sample to work on: every place is drawn with equal probability, and one of its
mutants. Prints every mutant that survives, and how many were killed.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import shlex
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from copied import PYTEST, copied_checkout, pytest_exit
from cosmic_ray.commands import init
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec

INDEPENDENT = "tests/system/test_independent_numbers.py"
TESTS = {
    "physics": ["tests/unit/test_physics_*.py"],
    "learning": ["tests/unit/test_learning_*.py", INDEPENDENT],
    "calibration": [INDEPENDENT, "tests/system/test_calibration_*.py"],
    "merit": ["tests/unit/test_merit_*.py"],
    "wired": ["tests/unit/test_wired_*.py", INDEPENDENT],
}
UNWANTED = re.compile(
    r"core/(RemoveDecorator|ReplaceComparisonOperator_.*_(Is|IsNot)|"
    r"ReplaceBinaryOperator_.*_(RShift|LShift|BitAnd|BitOr|BitXor|FloorDiv|Mod))$"
)
"""Operators whose mutants mostly raise a TypeError at once, and so say nothing of the tests."""
Span = tuple[tuple[int, int], tuple[int, int]]


def left_alone(source: str) -> Iterator[Span]:
    """The first and last place of annotations, raised errors and texts, which are not drawn."""
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.Raise | ast.JoinedStr):
            parts = [node]
        elif isinstance(node, ast.FunctionDef):
            parts = [node.returns]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            parts = [node.annotation]
        for part in parts:
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)


def places_of(package: str) -> dict[tuple[str, Span], list[MutationSpec]]:
    """The mutants of every place of `package` in the working directory, in a fixed order."""
    with use_db(":memory:", WorkDB.Mode.create) as session:
        init(sorted(find_modules([Path("oscilab") / package])), session, {})
        every = [mutation for item in session.work_items for mutation in item.mutations]
    paths = {mutation.module_path for mutation in every}
    ignored = {path: list(left_alone(path.read_text(encoding="utf-8"))) for path in paths}
    found: dict[tuple[str, Span], list[MutationSpec]] = defaultdict(list)
    for mutation in sorted(every, key=lambda each: (each.operator_name, each.occurrence)):
        start, end = tuple(mutation.start_pos), tuple(mutation.end_pos)
        inside = any(first <= start < last for first, last in ignored[mutation.module_path])
        if not (inside or UNWANTED.match(mutation.operator_name)):
            found[str(mutation.module_path), (start, end)].append(mutation)
    return found


def shown(diff: str) -> str:
    """What a diff takes out and puts in."""
    lines = [line for line in diff.splitlines() if re.match(r"[-+](?![-+])", line)]
    return "\n".join(f"    {line[0]} {line[1:].strip()}" for line in lines)


def survey(package: str, count: int, seed: int, minutes: float) -> None:
    """Work on a sample of `package` in the working directory, a copy of the checkout."""
    tests = [str(path) for glob in TESTS[package] for path in sorted(Path().glob(glob))]
    began = time.monotonic()
    code, said = pytest_exit(tests)
    if code:
        sys.exit(f"the tests fail before anything is broken\n{said}")
    limit_s = 30 + 5 * (time.monotonic() - began)
    places = places_of(package)
    draw = random.Random(seed)
    drawn = draw.sample(sorted(places), min(count, len(places)))
    killed = done = 0
    for path, span in drawn:
        if time.monotonic() - began > 60 * minutes:
            break
        mutation = draw.choice(places[path, span])
        # Tests that have the module in their name first: most mutants end there.
        nearest = sorted(tests, key=lambda test: Path(path).stem not in test)
        result = mutate_and_test([mutation], shlex.join([*PYTEST, *nearest]), limit_s)
        done += 1
        killed += result.is_killed
        if not result.is_killed:
            where = f"{path}:{span[0][0]}, in {mutation.definition_name}"
            print(f"{where}\n{shown(result.diff or '')}", flush=True)
    print(f"{package}: {killed} of {done} killed, of {len(places)} places; seed {seed}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", choices=TESTS)
    parser.add_argument("--count", type=int, default=100, help="places, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=600, help="after which no more are begun")
    chosen = parser.parse_args()
    with copied_checkout():
        survey(chosen.package, chosen.count, chosen.seed, chosen.minutes)


if __name__ == "__main__":
    main()
