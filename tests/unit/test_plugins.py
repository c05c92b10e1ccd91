import sys

import pytest
from small_packages import SmallPackages

from oscilab.errors import InvalidInput, OscilabError
from oscilab.plugins import choices, installed, load

FRONT_ENDS = "oscilab.front_ends"


@pytest.fixture
def packages(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return SmallPackages(folder)


def test_the_simulated_array_is_installed():
    assert load("oscilab.arrays", "simulated").__name__ == "SimulatedArray"


def test_listing_imports_nothing(packages):
    packages.install(
        "rack-maker",
        {"rack_maker.py": "raise RuntimeError('imported')"},
        {FRONT_ENDS: {"rack": "rack_maker:Rack"}},
    )
    assert installed(FRONT_ENDS)["rack"].value == "rack_maker:Rack"
    assert "rack_maker" not in sys.modules


def test_an_unknown_name_is_answered_with_the_installed_ones(packages):
    packages.install(
        "rack-maker", {}, {FRONT_ENDS: {"zebra": "rack_maker:Z", "digitizer": "rack_maker:D"}}
    )
    with pytest.raises(InvalidInput) as caught:
        load(FRONT_ENDS, "digitiser")
    message = str(caught.value)
    assert message.startswith("unknown front end 'digitiser'")
    assert "did you mean 'digitizer'?" in message
    assert "zebra" in message


@pytest.mark.parametrize(
    ("module", "package"), [("vendor_sdk.daq", "vendor_sdk"), ("visa", "pyvisa")]
)
def test_a_missing_package_is_named(packages, module, package):
    packages.install(
        "rack-maker",
        {"rack_maker_needy.py": f"import {module}\nRack = object"},
        {FRONT_ENDS: {"rack": "rack_maker_needy:Rack"}},
    )
    with pytest.raises(OscilabError, match=f"python -m pip install {package}`") as caught:
        load(FRONT_ENDS, "rack")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize("value", ["rack_maker_gone:Rack", "rack_maker_empty:Rack"])
def test_a_broken_package_is_to_be_reinstalled(packages, value):
    packages.install("rack-maker", {"rack_maker_empty.py": ""}, {FRONT_ENDS: {"rack": value}})
    with pytest.raises(OscilabError, match=r"'rack' cannot be loaded: .*; reinstall .*rack-maker"):
        load(FRONT_ENDS, "rack")


def test_a_library_that_does_not_open_is_a_sentence(packages):
    packages.install(
        "rack-maker",
        {"rack_maker_dll.py": "import ctypes\nctypes.CDLL('no-such-vendor-library.so')"},
        {FRONT_ENDS: {"rack": "rack_maker_dll:Rack"}},
    )
    with pytest.raises(OscilabError, match=r"'rack' cannot be loaded: .*no-such-vendor-library"):
        load(FRONT_ENDS, "rack")


def test_two_packages_under_one_name_are_refused(packages):
    packages.install("maker-a", {}, {FRONT_ENDS: {"rack": "a:Rack"}})
    packages.install("maker-b", {}, {FRONT_ENDS: {"rack": "b:Rack"}})
    with pytest.raises(OscilabError, match="two packages offer the front end 'rack'"):
        installed(FRONT_ENDS)


def test_choices_without_a_close_one():
    assert choices("xyzzy", ["digits", "mnist01"], "installed") == "installed: digits, mnist01"
    assert choices("digit", []) == "known: none"
