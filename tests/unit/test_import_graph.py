"""Who imports whom, imports for type checkers included: no package or module imports itself by way
of others.

import-linter holds the packages to their layers (`pyproject.toml`). This test also sees cycles
among single modules, and shows that it would.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = (
    "oscilab", "oscilab_sim", "oscilab_firmware", "oscilab_experiments", "oscilab_nidaq",
    "oscilab_visa",
)  # fmt: skip


@pytest.fixture(scope="module")
def imports():
    """The modules that each module imports."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def first_cycle(imports):
    """One cycle as a list that ends where it begins; empty where there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def at_depth(imports, depth):
    """Imports between the packages and modules whose names have up to `depth` parts."""
    found = {}
    for module, others in imports.items():
        name = shortened(module, depth)
        found.setdefault(name, set()).update(shortened(other, depth) for other in others)
    return {name: others - {name} for name, others in found.items()}


def shortened(module, depth):
    return ".".join(module.split(".")[:depth])


def test_every_package_is_there(imports):
    for name in PACKAGES:
        assert sum(module.startswith(f"{name}.") for module in imports) >= 3
    assert "oscilab.learning.training" in imports["oscilab.observer"], "under TYPE_CHECKING"


@pytest.mark.parametrize("depth", [1, 2])
def test_no_package_imports_itself_by_way_of_others(imports, depth):
    assert first_cycle(at_depth(imports, depth)) == []


def test_no_module_imports_itself_by_way_of_others(imports):
    assert first_cycle(imports) == []


def test_a_cycle_would_be_seen(imports):
    closed = {**imports, "oscilab.errors": {"oscilab.cli.main"}}
    assert {"oscilab.errors", "oscilab.cli.main"} <= set(first_cycle(closed))
    assert {"oscilab.errors", "oscilab.cli"} <= set(first_cycle(at_depth(closed, 2)))
