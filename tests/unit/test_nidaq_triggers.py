"""Triggers of the virtual NI-DAQmx beyond NI's examples, and sample events."""

from __future__ import annotations

import threading

import nidaqmx
import numpy as np
import pytest
from nidaq_tasks import PATIENCE_S, inputs, two_boards
from nidaqmx.constants import READ_ALL_AVAILABLE, AcquisitionType, Signal
from nidaqmx.error_codes import DAQmxErrors


@pytest.fixture
def daq():
    with two_boards() as daq:
        yield daq


def test_a_task_is_triggered_again_and_again(daq):
    """Each edge starts the same number of samples, with none in between."""
    with inputs(daq, samps_per_chan=20) as task:
        task.triggers.start_trigger.cfg_dig_edge_start_trig("/Dev1/PFI0")
        task.triggers.start_trigger.retriggerable = True
        task.start()
        first, second = np.array(task.read(20)), np.array(task.read(20))
        # 20 samples take 19 ms, and the next edge comes 500 ms later: 519 ms into the ramp.
        np.testing.assert_allclose(np.mod(second - first, 10.0), 1.9, atol=1e-6)
        assert not task.is_task_done()


def test_an_edge_while_samples_are_taken_is_lost(daq):
    """Samples stay one second apart across the edge."""
    daq.set_signal("Dev1/ai0", lambda seconds: 1e-3 * seconds)
    with inputs(daq, samps_per_chan=2000, rate=1.0) as task:
        task.triggers.start_trigger.cfg_dig_edge_start_trig("/Dev1/PFI3")
        task.triggers.start_trigger.retriggerable = True
        task.start()
        daq.pulse("/Dev1/PFI3")
        before = task.read(5)
        daq.pulse("/Dev1/PFI3")
        np.testing.assert_allclose(np.diff([*before, *task.read(5)]), 1e-3, atol=1e-9)


def test_an_output_is_triggered_again_and_again(daq):
    """The waveform plays from its beginning at each edge, and its last level holds meanwhile."""
    with inputs(daq, "Dev1/ai1", sample_mode=AcquisitionType.CONTINUOUS) as reader:
        with nidaqmx.Task(grpc_options=daq) as task:
            task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
            task.timing.cfg_samp_clk_timing(1000.0, samps_per_chan=4)
            task.triggers.start_trigger.cfg_dig_edge_start_trig("/Dev1/PFI0")
            task.triggers.start_trigger.retriggerable = True
            task.write([1.0, 2.0, 3.0, 4.0])
            task.start()
            reader.start()
            volts = np.array(reader.read(1200))
        reader.stop()
    moves = volts[1:][np.diff(volts) != 0]
    assert moves[:8].tolist() == [1.0, 2.0, 3.0, 4.0] * 2


@pytest.mark.parametrize("wrong", ["continuous", "no trigger"])
def test_what_cannot_be_retriggered_is_refused(daq, wrong):
    continuous = AcquisitionType.CONTINUOUS if wrong == "continuous" else AcquisitionType.FINITE
    with inputs(daq, sample_mode=continuous) as task:
        if wrong == "continuous":
            task.triggers.start_trigger.cfg_dig_edge_start_trig("/Dev1/PFI0")
        task.triggers.start_trigger.retriggerable = True
        with pytest.raises(nidaqmx.DaqError) as error:
            task.start()
        assert error.value.error_type == DAQmxErrors.RETRIGGERING_INVALID_FOR_GIVEN_SETTINGS


def test_every_sample_is_told_of(daq):
    told = threading.Semaphore(0)
    with inputs(daq, samps_per_chan=30) as task:
        task.register_signal_event(Signal.SAMPLE_COMPLETE, lambda *_: told.release() or 0)
        task.start()
        assert len(task.read(READ_ALL_AVAILABLE)) == 30
        for _ in range(30):
            assert told.acquire(timeout=PATIENCE_S)


def test_a_signal_without_an_event_is_refused(daq):
    with inputs(daq) as task, pytest.raises(nidaqmx.DaqError):
        task.register_signal_event(Signal.START_TRIGGER, lambda *_: 0)
