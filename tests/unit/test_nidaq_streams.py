"""Data of tasks of the virtual NI-DAQmx: codes, waveforms, logs, buffers."""

from __future__ import annotations

import threading

import nidaqmx
import numpy as np
import pytest
from nidaq_tasks import inputs, two_boards
from nidaqmx.constants import (
    READ_ALL_AVAILABLE,
    AcquisitionType,
    LineGrouping,
    LoggingMode,
    RegenerationMode,
    TaskMode,
)
from nidaqmx.error_codes import DAQmxErrors
from nidaqmx.stream_readers import AnalogSingleChannelReader, AnalogUnscaledReader
from nidaqmx.stream_writers import AnalogSingleChannelWriter

from oscilab_sim.nidaq.virtual_daq import virtual_daq

waveforms = pytest.mark.skipif(
    not hasattr(nidaqmx.Task, "read_waveform"), reason="this nidaqmx has no waveforms yet"
)


@pytest.fixture
def daq():
    with two_boards() as daq:
        yield daq


def test_raw_samples_are_the_codes_of_the_converter(daq):
    """With 16 bits over 20 V, 2.5 V is 8192; two channels alternate."""
    with inputs(daq, "Dev1/ai2, Dev1/ai3", samps_per_chan=3) as task:
        assert task.in_stream.read(3).tolist() == [8192, 0] * 3
        _, step, *_ = task.ai_channels[0].ai_dev_scaling_coeff
        assert 8192 * step == 2.5
        codes = np.zeros((2, 3), np.int16)
        AnalogUnscaledReader(task.in_stream).read_int16(codes, 3)
        assert codes.tolist() == [[8192] * 3, [0] * 3]
        buffer = np.zeros(6, np.int16)
        task.in_stream.read_into(buffer)
        assert buffer.tolist() == [8192, 0] * 3


@waveforms
def test_waveforms_carry_their_times(daq):
    """Two successive reads are contiguous; the names are those of the channels."""
    with inputs(daq, sample_mode=AcquisitionType.CONTINUOUS) as task:
        task.start()
        first, second = task.read_waveform(50), task.read_waveform(50)
        assert first.timing.sample_interval.total_seconds() == pytest.approx(1e-3)
        apart = second.timing.start_time - first.timing.start_time
        assert apart.total_seconds() == pytest.approx(0.05, abs=1e-6)
        assert first.channel_name == "Dev1/ai0"
        assert first.units == "Volts"
        both = np.concatenate([first.scaled_data, second.scaled_data])
        np.testing.assert_allclose(np.mod(np.diff(both), 10.0), 0.1, atol=1e-6)


@waveforms
def test_waveforms_are_written(daq):
    from nitypes.waveform import AnalogWaveform, DigitalWaveform

    with nidaqmx.Task(grpc_options=daq) as task:
        task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
        task.timing.cfg_samp_clk_timing(1000.0, samps_per_chan=5)
        volts = np.array([0.0, 1.0, 2.0, 3.0, 4.5])
        assert task.write(AnalogWaveform.from_array_1d(volts), auto_start=True) == 5
        task.wait_until_done()
        task.stop()
    assert daq.levels["Dev1/ao0"] == 4.5
    with nidaqmx.Task(grpc_options=daq) as out, nidaqmx.Task(grpc_options=daq) as back:
        for channels in (out.do_channels.add_do_chan, back.di_channels.add_di_chan):
            channels("Dev1/port0/line0:3", line_grouping=LineGrouping.CHAN_FOR_ALL_LINES)
        lines = DigitalWaveform(1, 4)
        lines.signals[0].data[0] = 1
        lines.signals[2].data[0] = 1
        out.write(lines, auto_start=True)
        assert back.read() == 5
        seen = back.read_waveform(1)
        assert [int(signal.data[0]) for signal in seen.signals] == [1, 0, 1, 0]
        assert seen.signals[0].name == "Dev1/port0/line0"


def test_samples_are_logged(daq, tmp_path):
    """The file has the samples that were read; a second run of the task is another group."""
    nptdms = pytest.importorskip("nptdms")
    path = tmp_path / "samples.tdms"
    with inputs(daq, samps_per_chan=40) as task:
        task.in_stream.configure_logging(str(path), LoggingMode.LOG_AND_READ, "ramp")
        runs = [task.read(READ_ALL_AVAILABLE), task.read(READ_ALL_AVAILABLE)]
    with nptdms.TdmsFile.open(path) as file:
        assert [group.name for group in file.groups()] == ["ramp", "ramp #1"]
        for group, volts in zip(file.groups(), runs, strict=True):
            assert group["Dev1/ai0"][:].tolist() == volts
            assert group["Dev1/ai0"].properties["wf_increment"] == pytest.approx(1e-3)


def test_what_is_only_logged_cannot_be_read(daq, tmp_path):
    nptdms = pytest.importorskip("nptdms")
    path = tmp_path / "samples.tdms"
    with inputs(daq, samps_per_chan=40) as task:
        task.in_stream.configure_logging(str(path), LoggingMode.LOG, "ramp")
        task.start()
        with pytest.raises(nidaqmx.DaqError) as error:
            task.read(READ_ALL_AVAILABLE)
        assert error.value.error_type == DAQmxErrors.READ_NOT_SUPPORTED_FOR_LOGGING_MODE
        task.wait_until_done()
        task.stop()
    with nptdms.TdmsFile.open(path) as file:
        assert len(file["ramp"]["Dev1/ai0"][:]) == 40


def test_a_write_that_waits_does_not_let_the_buffer_run_dry(daq):
    """Eight buffers of one second each, without regeneration, each written in one call."""
    with nidaqmx.Task(grpc_options=daq) as task:
        task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
        task.out_stream.regen_mode = RegenerationMode.DONT_ALLOW_REGENERATION
        task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
        writer = AnalogSingleChannelWriter(task.out_stream)
        writer.write_many_sample(np.zeros(1000))
        task.start()
        for _ in range(8):
            writer.write_many_sample(np.zeros(1000))
            assert task.out_stream.space_avail <= 500
        task.stop()


def test_old_samples_are_not_played_where_regeneration_is_forbidden(daq):
    with nidaqmx.Task(grpc_options=daq) as task:
        task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
        task.out_stream.regen_mode = RegenerationMode.DONT_ALLOW_REGENERATION
        task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
        task.write(np.linspace(0.0, 1.0, 100))
        with inputs(daq, "Dev1/ai2", samps_per_chan=300) as reader:
            task.start()
            reader.read(READ_ALL_AVAILABLE)
        with pytest.raises(nidaqmx.DaqError) as error:
            task.is_task_done()
        assert error.value.error_type == DAQmxErrors.GEN_STOPPED_TO_PREVENT_REGEN_OF_OLD_SAMPLES


def test_two_rates_at_once_see_the_same_volts(daq):
    """Three tasks whose clocks divide one another unevenly: 1, 2.5 and 4 kHz.

    Where two of them sample at the same instant they read the same, to the last bit.
    """
    fast, slow = (
        inputs(daq, names, rate, sample_mode=AcquisitionType.CONTINUOUS)
        for names, rate in (("Dev1/ai0:1", 4000.0), ("Dev2/ai1", 2500.0))
    )
    daq.set_signal("Dev2/ai1", "Dev1/ao0")
    with fast, slow, nidaqmx.Task(grpc_options=daq) as out:
        out.ao_channels.add_ao_voltage_chan("Dev1/ao0")
        out.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
        for task in (out, slow):
            task.triggers.start_trigger.cfg_dig_edge_start_trig("/Dev1/ai/StartTrigger")
        levels = np.arange(1.0, 8.0)
        out.write(levels)
        out.start()
        slow.start()
        fast.start()
        at_4k = np.array(fast.read(401))[1]
        at_2k5 = np.array(slow.read(251))
        for task in (fast, slow, out):
            task.stop()
    # An edge samples before outputs move: input sample n sees output sample n - 1.
    expected = np.concatenate([[0.0], np.tile(levels, 15)])
    np.testing.assert_array_equal(at_4k[1:], np.repeat(expected[1:], 4)[:400])
    np.testing.assert_array_equal(at_4k[::8], at_2k5[::5])


def test_a_reader_of_streams_reads_by_the_clock(daq):
    with inputs(daq, "Dev1/ai2", samps_per_chan=10) as task:
        volts = np.empty(10)
        AnalogSingleChannelReader(task.in_stream).read_many_sample(volts, 10)
        assert (volts == 2.5).all()


@pytest.mark.parametrize("waits", ["read", "write"])
def test_an_abort_ends_a_call_that_waits(waits):
    """The call ends at once, as NI documents for TASK_ABORT, not after its timeout of an hour."""
    with virtual_daq(real_time=True) as daq, nidaqmx.Task(grpc_options=daq) as task:
        if waits == "read":
            task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
        else:
            task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
            task.out_stream.regen_mode = RegenerationMode.DONT_ALLOW_REGENERATION
        task.timing.cfg_samp_clk_timing(10.0, sample_mode=AcquisitionType.CONTINUOUS)
        if waits == "write":
            task.write(np.zeros(1000))
        task.start()
        aborting = threading.Timer(0.1, task.control, [TaskMode.TASK_ABORT])
        aborting.start()
        many = 100_000
        call, data = (task.read, many) if waits == "read" else (task.write, np.zeros(many))
        with pytest.raises(nidaqmx.errors.DaqError, match="its task was aborted"):
            call(data, timeout=3600.0)
        aborting.join()
