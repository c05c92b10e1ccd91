"""Break one expression at a time, and see whether the tests of its package notice.

    python tests/mutation/mutate.py physics --count 100 --seed 0

The package is copied and the copy is broken, so that the checkout stays as it is. Prints a line for
every mutant that survives, and how many were killed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = {
    "physics": ["tests/unit/test_physics_*.py"],
    "learning": ["tests/unit/test_learning_*.py", "tests/system/test_independent_numbers.py"],
    "calibration": ["tests/system/test_calibration_*.py", "tests/system/test_independent_*.py"],
    "wired": ["tests/unit/test_wired_*.py", "tests/system/test_independent_numbers.py"],
    "merit": ["tests/unit/test_merit_*.py"],
}
COMPARED: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COMPUTED: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """`before`, at `line` and `column` of `path`, becomes `after`; `source` is the file with it."""

    path: Path
    line: int
    column: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.before}  ->  {self.after}"


def changed(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of `node`."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED:
        other = copy.deepcopy(node)
        other.ops[0] = COMPARED[type(node.ops[0])]()
        yield other
    elif isinstance(node, ast.BinOp) and type(node.op) in COMPUTED:
        other = copy.deepcopy(node)
        other.op = COMPUTED[type(node.op)]()
        yield other
    elif isinstance(node, ast.BoolOp):
        other = copy.deepcopy(node)
        other.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield other
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Call) and node.keywords and node.keywords[-1].arg:
        other = copy.deepcopy(node)
        other.keywords.pop()
        yield other


def left_alone(tree: ast.Module) -> set[int]:
    """Numbers of nodes whose change says nothing: messages, annotations, decorators."""
    found: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.Raise | ast.JoinedStr):
            parts = [node]
        elif isinstance(node, ast.FunctionDef):
            parts = [node.returns, *node.decorator_list]
        elif isinstance(node, ast.ClassDef):
            parts = list(node.decorator_list)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            parts = [node.annotation]
        found |= {id(inner) for part in parts if part for inner in ast.walk(part)}
    return found


class Replace(ast.NodeTransformer):
    """Puts `other` in the place of the node `old`."""

    def __init__(self, old: ast.AST, other: ast.AST) -> None:
        self.old, self.other = old, other

    def visit(self, node: ast.AST) -> ast.AST:
        return self.other if node is self.old else super().generic_visit(node)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every mutant of the file `path`, which is relative to the checkout."""
    text = (ROOT / path).read_text(encoding="utf-8")
    tree = ast.parse(text)
    ignored = left_alone(tree)
    places = [n for n in ast.walk(tree) if id(n) not in ignored and any(True for _ in changed(n))]
    for number, node in enumerate(places):
        for other in changed(node):
            fresh = ast.parse(text)
            skipped = left_alone(fresh)
            same = [
                n for n in ast.walk(fresh) if id(n) not in skipped and any(True for _ in changed(n))
            ]
            broken = ast.fix_missing_locations(Replace(same[number], other).visit(fresh))
            before, after = ast.unparse(node), ast.unparse(other)
            yield Mutant(path, node.lineno, node.col_offset, before, after, ast.unparse(broken))


def passes(folder: Path, tests: list[str], limit_s: float) -> bool:
    """Whether the tests pass with the package in `folder`; in time, too."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    # From the folder, whose package then comes before the one that is installed.
    command = [
        sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
        "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), *tests,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", choices=TESTS)
    parser.add_argument("--count", type=int, default=100, help="mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    files = sorted((ROOT / "oscilab" / chosen.package).rglob("*.py"))
    every = [each for path in files for each in mutants_of(path.relative_to(ROOT))]
    drawn = random.Random(chosen.seed).sample(every, min(chosen.count, len(every)))
    tests = [str(path) for glob in TESTS[chosen.package] for path in sorted(ROOT.glob(glob))]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "oscilab", folder / "oscilab", ignore=ignored)
        began = time.monotonic()
        if not passes(folder, tests, 3600):
            sys.exit("the tests fail before anything is broken")
        limit_s = 30 + 5 * (time.monotonic() - began)
        killed = 0
        for mutant in drawn:
            target = folder / mutant.path
            kept = target.read_text(encoding="utf-8")
            target.write_text(mutant.source, encoding="utf-8")
            survived = passes(folder, tests, limit_s)
            target.write_text(kept, encoding="utf-8")
            killed += not survived
            if survived:
                print(mutant, flush=True)
    print(f"{chosen.package}: {killed} of {len(drawn)} killed, of {len(every)} mutants in all")


if __name__ == "__main__":
    main()
