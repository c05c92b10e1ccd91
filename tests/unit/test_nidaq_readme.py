"""The code in the README of the installed nidaqmx, on virtual boards.

Only `grpc_options` is added. The text is NI's and is read from the installed package.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib.metadata
import io

import pytest

from oscilab_sim.nidaq.virtual_daq import virtual_daq
from oscilab_sim.nidaq.without_hardware import without_hardware

OUTSIDE = {
    "CtrTime": "counters are not implemented",
    "collections.Sequence": "no supported Python has collections.Sequence",
}
"""Parts of snippets that cannot run, with the reason."""


def snippets():
    """Return every example of the README, in blocks that share names."""
    # The payload is empty if the package importlib_metadata has installed its finder first.
    text = importlib.metadata.metadata("nidaqmx")["Description"]
    parser = doctest.DocTestParser()
    blocks = [parser.get_examples(part) for part in text.split(".. code-block:: python")[1:]]
    return [block for block in blocks if block]


def runs(snippet):
    return not any(word in snippet.source for word in OUTSIDE)


def test_the_readme_has_what_is_looked_for():
    sources = [snippet.source for block in snippets() for snippet in block]
    assert sum("nidaqmx.Task()" in source for source in sources) >= 6
    assert any("System.local()" in source for source in sources)
    assert sum(not runs(snippet) for block in snippets() for snippet in block) <= 4


@pytest.mark.parametrize("number", range(len(snippets())))
def test_a_snippet(number, tmp_path, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    block = snippets()[number]
    names: dict[str, object] = {}
    if any("TdmsFile" in snippet.source for snippet in block):
        pytest.importorskip("nptdms")
        logged = next(b for b in snippets() if any("configure_logging" in s.source for s in b))
        block = [*logged, *block]
    with (
        virtual_daq({"Dev1": "PCIe-6363", "cDAQ2Mod4": "PCIe-6363"}) as daq,
        without_hardware(daq),
    ):
        for snippet in filter(runs, block):
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                # As at the prompt, where the value of an expression is shown.
                exec(compile(snippet.source, "README", "single"), names)
            # Names are the README's, volts and versions are the boards' own.
            for line in snippet.want.splitlines():
                if line.startswith(("AIChannel(", "Device(name=Dev1", "PhysicalChannel(", "True")):
                    assert line in said.getvalue().splitlines()
