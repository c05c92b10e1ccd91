"""The calls of NI's public examples with voltages, on the virtual NI-DAQmx.

Each test makes the calls of the example that it names (folder `examples` of
github.com/ni/nidaqmx-python), with `grpc_options` added and waits for a key replaced.
"""

from __future__ import annotations

import threading

import nidaqmx
import numpy as np
import pytest
from nidaqmx.constants import READ_ALL_AVAILABLE, AcquisitionType, LineGrouping, RegenerationMode
from nidaqmx.error_codes import DAQmxErrors

from oscilab_sim.nidaq.virtual_daq import virtual_daq

PATIENCE_S = 60.0


def sine(seconds):
    return np.sin(2 * np.pi * 10.0 * seconds)


@pytest.fixture
def daq():
    signals = {"Dev1/ai0": sine, "Dev1/ai1": "Dev1/ao1", "Dev1/ai2": "Dev1/ao0"}
    pulses = {"/Dev1/PFI0": 0.01, "/Dev1/PFI8": 0.2}
    with virtual_daq(
        {"Dev1": "PCIe-6363", "Dev2": "PXIe-6738"}, signals=signals, pulses=pulses,
        clocks={"/Dev1/PFI1": 1000.0},
    ) as daq:  # fmt: skip
        yield daq
        assert not daq.server.unimplemented


@pytest.fixture
def task(daq):
    with nidaqmx.Task(grpc_options=daq) as task:
        yield task


def test_voltage_sample(task):
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    assert isinstance(task.read(), float)
    assert len(task.read(number_of_samples_per_channel=2)) == 2


def test_voltage_acq_int_clk(task):
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.FINITE, samps_per_chan=50)
    data = np.array(task.read(READ_ALL_AVAILABLE))
    assert data.shape == (50,)
    # A sine of 10 Hz at 1 kHz: x[n-1] + x[n+1] = 2 cos(w) x[n] for any phase.
    w = 2 * np.pi * 10.0 / 1000.0
    np.testing.assert_allclose(data[:-2] + data[2:], 2 * np.cos(w) * data[1:-1], atol=1e-9)


def test_cont_voltage_acq_int_clk(task):
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0:1")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
    task.start()
    for _ in range(5):
        data = np.array(task.read(number_of_samples_per_channel=1000))
        assert data.shape == (2, 1000)
    task.stop()


def test_voltage_acq_int_clk_dig_start_ref(task):
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.FINITE, samps_per_chan=100)
    task.triggers.start_trigger.cfg_dig_edge_start_trig("/Dev1/PFI0")
    task.triggers.reference_trigger.cfg_dig_edge_ref_trig("/Dev1/PFI8", pretrigger_samples=50)
    task.start()
    assert len(task.read(READ_ALL_AVAILABLE)) == 100
    task.stop()


def test_cont_voltage_acq_int_clk_dig_start(daq, task):
    """No samples come before the pulse at the terminal."""
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
    task.triggers.start_trigger.cfg_dig_edge_start_trig("/Dev1/PFI3")
    task.start()
    with pytest.raises(nidaqmx.errors.DaqReadError) as error:
        task.read(number_of_samples_per_channel=10, timeout=0.05)
    assert error.value.error_type == DAQmxErrors.SAMPLES_NOT_YET_AVAILABLE
    daq.pulse("/Dev1/PFI3")
    assert len(task.read(number_of_samples_per_channel=10)) == 10


def test_ai_voltage_acq_ext_clk(task):
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1000.0, source="/Dev1/PFI1", samps_per_chan=20)
    assert len(task.read(READ_ALL_AVAILABLE)) == 20


def test_cont_voltage_acq_int_clk_every_n_samples_event(task):
    seen, enough = [], threading.Event()

    def callback(task_handle, every_n_samples_event_type, number_of_samples, callback_data):
        seen.append(len(task.read(number_of_samples_per_channel=number_of_samples)))
        if len(seen) == 3:
            enough.set()
        return 0

    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
    task.register_every_n_samples_acquired_into_buffer_event(100, callback)
    task.start()
    assert enough.wait(PATIENCE_S)
    task.stop()
    assert seen[:3] == [100, 100, 100]


def test_gen_voltage_sample_and_voltage_update(daq, task):
    task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
    task.write(2.5)
    for value in (0.0, 1.0, -1.0):
        task.write(value)
        assert daq.levels["Dev1/ao0"] == value


def test_gen_voltage_wfm_int_clk(daq, task):
    task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.FINITE, samps_per_chan=100)
    assert task.write(np.linspace(0.0, 5.0, 100), auto_start=True) == 100
    task.wait_until_done()
    task.stop()
    assert daq.levels["Dev1/ao0"] == 5.0


def test_cont_gen_voltage_wfm_int_clk(daq, task):
    """The written samples are repeated."""
    task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
    with nidaqmx.Task(grpc_options=daq) as reader:
        reader.ai_channels.add_ai_voltage_chan("Dev1/ai2")
        reader.timing.cfg_samp_clk_timing(1000.0, source="/Dev1/ao/SampleClock", samps_per_chan=31)
        task.write([0.0, 1.0, 2.0])
        reader.start()
        task.start()
        data = reader.read(READ_ALL_AVAILABLE)
        assert data[1:] == [0.0, 1.0, 2.0] * 10
        task.stop()


def test_cont_gen_voltage_wfm_int_clk_non_regen(task):
    task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
    task.out_stream.regen_mode = RegenerationMode.DONT_ALLOW_REGENERATION
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
    data = np.sin(np.arange(1000) / 9.0)
    task.write(data)
    task.start()
    for _ in range(4):
        assert task.write(data) == 1000
    task.stop()


def test_cont_gen_voltage_wfm_int_clk_every_n_samples_event(task):
    transferred = threading.Event()

    def callback(task_handle, every_n_samples_event_type, number_of_samples, callback_data):
        transferred.set()
        return 0

    task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
    task.register_every_n_samples_transferred_from_buffer_event(100, callback)
    task.write(np.sin(np.arange(100) / 5.0))
    task.start()
    assert transferred.wait(PATIENCE_S)
    task.stop()


def test_done_event(task):
    done = threading.Event()
    task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
    task.timing.cfg_samp_clk_timing(1000.0, samps_per_chan=50)
    task.register_done_event(lambda task_handle, status, callback_data: done.set() or 0)
    task.start()
    assert done.wait(PATIENCE_S)


def test_ai_ao_sync(daq):
    """Both start with one trigger: the wired input sees the output one sample later."""
    with nidaqmx.Task(grpc_options=daq) as ai, nidaqmx.Task(grpc_options=daq) as ao:
        ai.ai_channels.add_ai_voltage_chan("Dev1/ai2")
        ai.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
        ao.ao_channels.add_ao_voltage_chan("Dev1/ao0")
        ao.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
        ao.triggers.start_trigger.cfg_dig_edge_start_trig("ai/StartTrigger")
        assert ao.timing.samp_clk_rate == 1000.0
        ao.write(np.arange(10.0))
        ao.start()
        ai.start()
        data = ai.read(number_of_samples_per_channel=21)
        assert data[1:] == list(np.arange(10.0)) * 2
        ai.stop()
        ao.stop()


def test_digital_lines(daq):
    with nidaqmx.Task(grpc_options=daq) as out, nidaqmx.Task(grpc_options=daq) as back:
        out.do_channels.add_do_chan("Dev1/port0/line0:3", line_grouping=LineGrouping.CHAN_PER_LINE)
        back.di_channels.add_di_chan(
            "Dev1/port0/line0:3", line_grouping=LineGrouping.CHAN_FOR_ALL_LINES
        )
        out.write([True, False, True, False])
        assert back.read() == 5


def test_multi_device_enumeration(daq):
    system = nidaqmx.system.System.remote(daq)
    devices = {device.name: device for device in system.devices}
    assert list(devices) == ["Dev1", "Dev2"]
    assert devices["Dev2"].product_type == "PXIe-6738"
    assert len(devices["Dev2"].ao_physical_chans) == 32
    assert [chan.name for chan in devices["Dev1"].ai_physical_chans][:2] == ["Dev1/ai0", "Dev1/ai1"]
    assert devices["Dev1"].ao_voltage_rngs == [-10.0, 10.0]
    assert system.driver_version >= (23, 0)


def test_stream_readers_and_writers(daq):
    from nidaqmx.stream_readers import AnalogMultiChannelReader
    from nidaqmx.stream_writers import AnalogMultiChannelWriter

    with nidaqmx.Task(grpc_options=daq) as ao, nidaqmx.Task(grpc_options=daq) as ai:
        ao.ao_channels.add_ao_voltage_chan("Dev1/ao0:1")
        AnalogMultiChannelWriter(ao.out_stream).write_one_sample(np.array([0.25, -0.5]))
        ai.ai_channels.add_ai_voltage_chan("Dev1/ai1:2")
        ai.timing.cfg_samp_clk_timing(1000.0, samps_per_chan=10)
        data = np.empty((2, 10))
        assert AnalogMultiChannelReader(ai.in_stream).read_many_sample(data, 10) == 10
        np.testing.assert_array_equal(data, np.repeat([[-0.5], [0.25]], 10, axis=1))
