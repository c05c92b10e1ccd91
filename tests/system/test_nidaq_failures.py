"""Failures of NI-DAQmx in a run end with one sentence, safe outputs and a resumable run."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import pytest
from nidaq_rack import LONGEST_S, MARGIN_S, Rack, only_sentence, posix

from oscilab.traces.run import open_run


@pytest.fixture
def rack(tmp_path):
    rack = Rack(tmp_path)
    yield rack
    rack.end()


@posix
@pytest.mark.slow
def test_a_server_that_is_killed(rack):
    """The board keeps its outputs, as under power, until `safe` or resuming."""
    rack.serve()
    process = rack.start(*rack.train("--steps", "60"))
    rack.wait_for_a_checkpoint()
    rack.server.kill()
    rack.server.communicate()
    killed = time.monotonic()
    _, err = process.communicate(timeout=120)
    assert time.monotonic() - killed < LONGEST_S + MARGIN_S
    assert process.returncode == 4, err
    assert f"cannot reach its server {rack.address}" in only_sentence(err)
    with open_run(rack.run) as run:
        assert run.status == "failed"
    rack.serve()
    code, _, err = rack.do("safe", "rack")
    assert code == 0, err
    assert rack.is_safe
    code, _, err = rack.resume()
    assert code == 0, err
    assert rack.is_safe


@posix
@pytest.mark.slow
def test_a_server_that_stops_answering(rack):
    """No call waits beyond its deadline, and the boards' watchdogs make the outputs safe."""
    rack.serve(connection="watchdog_s = 5.0")
    process = rack.start(*rack.train("--steps", "60"))
    rack.wait_for_a_checkpoint()
    rack.server.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    _, err = process.communicate(timeout=120)
    assert time.monotonic() - stopped < LONGEST_S + MARGIN_S
    assert process.returncode == 4, err
    assert f"the server {rack.address} of device rack did not answer within 3 s" in only_sentence(
        err
    )
    with open_run(rack.run) as run:
        assert run.status == "failed"
    rack.server.send_signal(signal.SIGCONT)
    rack.wait_until(lambda: rack.is_safe, "the watchdogs never tripped")
    # Whether the server still received the end of the run depends on timing.
    code, _, err = rack.resume()
    if code != 0:
        freed(rack, code, err)
        code, _, err = rack.resume()
    assert code == 0, err
    assert rack.is_safe


def freed(rack, code, err):
    """Check that a dead run's reserved lines were refused, and release them by `safe`."""
    assert code == 4, err
    assert "reserved by another task" in only_sentence(err)
    assert "free them by `oscilab safe rack`" in only_sentence(err)
    code, _, err = rack.do("safe", "rack")
    assert code == 0, err
    assert rack.is_safe


@pytest.mark.slow
def test_a_host_that_is_killed_is_noticed_by_the_watchdogs(rack):
    rack.serve(connection="watchdog_s = 5.0")
    process = rack.start(*rack.train("--steps", "60"))
    rack.wait_for_a_checkpoint()
    rack.wait_until(lambda: not rack.is_safe, "the run never drove anything")
    process.kill()
    process.communicate()
    rack.wait_until(lambda: rack.is_safe, "the watchdogs never tripped")


RESERVE = """
import os, sys
import grpc, nidaqmx
from nidaqmx.constants import TaskMode
task = nidaqmx.Task(grpc_options=nidaqmx.GrpcSessionOptions(grpc.insecure_channel(sys.argv[1]), ""))
task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
task.control(TaskMode.TASK_RESERVE)
os._exit(0)
"""


@pytest.mark.slow
def test_lines_that_a_dead_client_has_reserved(rack):
    """As on NI's server, they stay reserved if the server never received the client's end."""
    rack.serve()
    subprocess.run([sys.executable, "-c", RESERVE, rack.address], check=True)
    freed(rack, *rack.do(*rack.train("--steps", "2"))[::2])
    code, _, err = rack.resume()
    assert code == 0, err


@pytest.mark.slow
@pytest.mark.parametrize("board", ["Dev1", "Dev2"])
def test_a_board_that_is_pulled_out_of_a_running_chassis(rack, board):
    """The other board's outputs are safe; with the board back the run resumes.

    Dev1 has the analog outputs, Dev2 the clock, the inputs and the clamps' enable.
    """
    server = rack.serve_here()
    try:
        process = rack.start(*rack.train("--steps", "60"))
        rack.wait_for_a_checkpoint()
        with server.driver.engine.turn:
            server.driver.pull(board)
        pulled = time.monotonic()
        _, err = process.communicate(timeout=120)
        assert time.monotonic() - pulled < LONGEST_S + MARGIN_S
        assert process.returncode == 4, err
        assert re.search(f"a board is gone .*{board}.*; put it back", only_sentence(err))
        if board == "Dev1":
            assert rack.levels[14] == 1.0
        else:
            assert rack.levels[:14].tolist() == [0.5] * 14
        with open_run(rack.run) as run:
            assert run.status == "failed"
        before = rack.run.read_bytes()
        code, _, err = rack.resume()
        assert code == 4, err
        assert f"needs the board {board} (PXIe-" in only_sentence(err)
        assert rack.run.read_bytes() == before
        with server.driver.engine.turn:
            server.driver.plug_in(board)
        code, _, err = rack.resume()
        assert code == 0, err
        assert rack.is_safe
    finally:
        server.stop()


def test_a_board_that_is_missing(rack):
    rack.serve(missing=["Dev1"])
    code, _, err = rack.do(*rack.train())
    assert code == 4, err
    sentence = only_sentence(err)
    assert "needs the board Dev1 (PXIe-6738), which is not behind the server" in sentence
    assert "there are: Dev2" in sentence
    assert not rack.levels.any()
    assert not rack.run.exists()


@pytest.mark.slow
def test_a_channel_that_is_wrong(rack):
    """No run starts, and an existing run resumes once the bench is correct."""
    wrong = '{ "Dev1/ao0" = "bias[0]", "Dev1/ao99" = "bias[1]" }'
    rack.serve()
    rack.describe(wiring=wrong)
    code, _, err = rack.do(*rack.train())
    assert code == 2, err
    assert "no channel 'Dev1/ao99'" in only_sentence(err)
    assert not rack.levels.any()
    assert not rack.run.exists()
    rack.describe()
    process = rack.start(*rack.train("--steps", "60"))
    rack.wait_for_a_checkpoint()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert rack.is_safe
    before = rack.run.read_bytes()
    rack.describe(wiring=wrong)
    code, _, err = rack.resume()
    assert code == 2, err
    assert "no channel 'Dev1/ao99'" in only_sentence(err)
    assert rack.run.read_bytes() == before
    rack.describe()
    code, _, err = rack.resume()
    assert code == 0, err
    assert rack.is_safe


def test_a_server_that_is_not_there(rack):
    rack.address = "127.0.0.1:9"
    rack.describe()
    code, _, err = rack.do("read", "rack")
    assert code == 4, err
    assert "cannot reach its server 127.0.0.1:9" in only_sentence(err)


def test_a_local_driver_that_is_not_installed(rack):
    code, _, err = rack.do("read", "rack")
    assert code == 4, err
    assert "needs the NI-DAQmx driver, which is not installed" in only_sentence(err)
