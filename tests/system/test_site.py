"""The documentation site: it builds, its links lead somewhere, and it names all that is public."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
API = ROOT / "docs" / "api"
ADDRESSES = {"a": "href", "img": "src", "link": "href", "script": "src", "iframe": "src"}


def documented():
    """Modules that the pages of the site document, and the page of each."""
    found = {
        name: page.stem
        for page in sorted(API.glob("*.md"))
        for name in re.findall(r"^::: (\S+)", page.read_text("utf-8"), re.M)
    }
    # A function that has the name of its module stands on the page by its full path.
    return {name: page for name, page in found.items() if not twice(name)}


def twice(name):
    return len({*name.split(".")[-2:]}) == 1 and "." in name


def public_names(name):
    """What a public module exports."""
    module = import_module(name)
    if name == "oscilab_sim.array":
        return ["SimulatedArray"]
    own = [
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and getattr(value, "__module__", None) == name
    ]
    return list(getattr(module, "__all__", own))


def test_the_page_of_public_modules_lists_those_that_are_documented():
    table = (API / "index.md").read_text("utf-8").partition("| --- |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"\[`([\w.]+)`\]", table)) == sorted(documented())


def test_every_public_name_has_a_docstring():
    griffe = pytest.importorskip("griffe", reason="pip install oscilab[docs]")
    places = [ROOT, ROOT / "sim"]
    loaded = {
        package: griffe.load(package, search_paths=places)
        for package in {name.partition(".")[0] for name in documented()}
    }
    missing: list[str] = []
    for module in documented():
        package, _, inner = module.partition(".")
        found = loaded[package][inner] if inner else loaded[package]
        missing += [
            f"{module}.{name}"
            for name in public_names(module)
            if name != "__version__" and not found[name].has_docstring
        ]
    assert not missing


class Page(HTMLParser):
    """The addresses that a page leads to or loads, and the anchors that it has."""

    def __init__(self, text):
        super().__init__()
        self.addresses: list[tuple[str, str]] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        if given.get(ADDRESSES.get(tag, "")):
            self.addresses.append((tag, given[ADDRESSES[tag]]))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Every page of the site, by its path."""
    pytest.importorskip("mkdocstrings", reason="pip install oscilab[docs]")
    pytest.importorskip("material", reason="pip install oscilab[docs]")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {path: Page(path.read_text("utf-8")) for path in folder.rglob("*.html")}


@pytest.mark.slow
def test_links_of_the_site_lead_somewhere(site):
    broken: list[str] = []
    for path, page in site.items():
        if path.name == "404.html":
            # Its addresses start from where a server puts the site.
            continue
        for _, address in page.addresses:
            if re.match(r"[a-z]+:", address):
                continue
            target, _, anchor = unquote(address).partition("#")
            place = (path.parent / target).resolve() if target else path
            if place.is_dir():
                place /= "index.html"
            if not place.is_file() or (
                anchor and place in site and anchor not in site[place].anchors
            ):
                broken.append(f"{path.name}: {address}")
    assert len(site) > 30
    assert not broken


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site):
    loaded = {
        address
        for page in site.values()
        for tag, address in page.addresses
        if tag != "a" and re.match(r"([a-z]+:)?//", address)
    }
    assert not loaded


@pytest.mark.slow
def test_the_site_has_every_public_name(site):
    pages = {path.stem: page for path, page in site.items() if path.parent.name == "api"}
    missing = [
        f"{module}.{name}"
        for module, page in documented().items()
        for name in public_names(module)
        if not {f"{module}.{name}", f"{module}.{name}.{name}"} & pages[page].anchors
    ]
    assert not missing
