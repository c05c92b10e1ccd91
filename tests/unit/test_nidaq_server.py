"""What the virtual NI-DAQmx does beyond NI's examples: its rules where users lean on them."""

from __future__ import annotations

import threading

import grpc
import nidaqmx
import numpy as np
import pytest
from google.protobuf.message_factory import GetMessageClass
from nidaqmx.constants import READ_ALL_AVAILABLE, AcquisitionType, LineGrouping, LoggingMode, Signal
from nidaqmx.error_codes import DAQmxErrors
from nidaqmx.stream_readers import AnalogSingleChannelReader, AnalogUnscaledReader
from nidaqmx.stream_writers import AnalogSingleChannelWriter

from oscilab_sim.nidaq.rpc_session import SERVICE
from oscilab_sim.nidaq.virtual_daq import virtual_daq

PATIENCE_S = 60.0
waveforms = pytest.mark.skipif(
    not hasattr(nidaqmx.Task, "read_waveform"), reason="this nidaqmx has no waveforms yet"
)


def ramp(seconds):
    return 100.0 * (seconds % 0.1)


@pytest.fixture
def daq():
    signals = {"Dev1/ai0": ramp, "Dev1/ai1": "Dev1/ao0", "Dev1/ai2": 2.5, "Dev2/ai0": -2.5}
    with virtual_daq(
        {"Dev1": "PCIe-6363", "Dev2": "PXIe-6358"}, signals=signals,
        pulses={"/Dev1/PFI0": 0.5},
    ) as daq:  # fmt: skip
        yield daq
        assert not daq.server.unimplemented


def inputs(daq, names="Dev1/ai0", rate=1000.0, **timing):
    task = nidaqmx.Task(grpc_options=daq)
    task.ai_channels.add_ai_voltage_chan(names)
    task.timing.cfg_samp_clk_timing(rate, **timing)
    return task


def test_a_task_is_triggered_again_and_again(daq):
    """Each edge starts as many samples; in between the time passes without any."""
    with inputs(daq, samps_per_chan=20) as task:
        task.triggers.start_trigger.cfg_dig_edge_start_trig("/Dev1/PFI0")
        task.triggers.start_trigger.retriggerable = True
        task.start()
        first, second = np.array(task.read(20)), np.array(task.read(20))
        # 20 samples take 19 ms, and the next edge comes 500 ms later: 519 ms into the ramp.
        np.testing.assert_allclose(np.mod(second - first, 10.0), 1.9, atol=1e-6)
        assert not task.is_task_done()


def test_an_edge_while_samples_are_taken_is_lost(daq):
    """Samples stay one second apart across it."""
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


def test_raw_samples_are_the_codes_of_the_converter(daq):
    """16 bits over 20 V: 2.5 V is 8192; two channels one after the other."""
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
    """Two reads in a row follow on one another; the names are the channels'."""
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


def test_samples_are_logged(daq, tmp_path):
    """What was read is in the file; a second run of the task is a group of its own."""
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
    from nidaqmx.constants import RegenerationMode

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
    # An edge samples before it moves: at sample n of the output stands what sample n - 1 put out.
    expected = np.concatenate([[0.0], np.tile(levels, 15)])
    np.testing.assert_array_equal(at_4k[1:], np.repeat(expected[1:], 4)[:400])
    np.testing.assert_array_equal(at_4k[::8], at_2k5[::5])


def test_a_reader_of_streams_reads_by_the_clock(daq):
    with inputs(daq, "Dev1/ai2", samps_per_chan=10) as task:
        volts = np.empty(10)
        AnalogSingleChannelReader(task.in_stream).read_many_sample(volts, 10)
        assert (volts == 2.5).all()


def held(daq):
    """A task that has an output and the outputs' clock, left by whoever made it."""
    task = nidaqmx.Task(grpc_options=daq)
    task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
    task.timing.cfg_samp_clk_timing(1000.0, sample_mode=AcquisitionType.CONTINUOUS)
    task.write([1.0, 2.0], auto_start=True)
    return task


def write_one(daq):
    with nidaqmx.Task(grpc_options=daq) as task:
        task.ao_channels.add_ao_voltage_chan("Dev1/ao0")
        task.write(0.25)


def test_a_reset_device_is_free(daq):
    held(daq)
    with pytest.raises(nidaqmx.DaqError) as error:
        write_one(daq)
    assert error.value.error_type == DAQmxErrors.PAL_RESOURCE_RESERVED
    nidaqmx.system.System.remote(daq).devices["Dev1"].reset_device()
    assert daq.levels["Dev1/ao0"] == 0.0
    write_one(daq)
    assert daq.levels["Dev1/ao0"] == 0.25


def session_call(daq, name, **fields):
    method = SERVICE.methods_by_name[name]
    request, reply = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    with grpc.insecure_channel(daq.address) as channel:
        call = channel.unary_unary(
            f"/{SERVICE.full_name}/{name}", request.SerializeToString, reply.FromString
        )
        return call(request(**fields))


def test_a_reset_server_forgets_every_task(daq):
    """As NI's does: the outputs hold, and whoever had a task has none."""
    task = held(daq)
    assert session_call(daq, "ResetServer").is_server_reset
    with pytest.raises(nidaqmx.DaqError) as error:
        task.is_task_done()
    assert error.value.error_type == DAQmxErrors.INVALID_TASK
    assert daq.levels["Dev1/ao0"] in (1.0, 2.0)
    write_one(daq)


def test_devices_and_reservations_of_the_server(daq):
    devices = session_call(daq, "EnumerateDevices").devices
    assert [(device.name, device.model) for device in devices] == [
        ("Dev1", "PCIe-6363"), ("Dev2", "PXIe-6358"),
    ]  # fmt: skip
    mine = {"reservation_id": "rack", "client_id": "me"}
    theirs = {"reservation_id": "rack", "client_id": "they"}
    assert session_call(daq, "Reserve", **mine).is_reserved
    assert not session_call(daq, "Reserve", **theirs).is_reserved
    assert session_call(daq, "IsReservedByClient", **mine).is_reserved
    assert not session_call(daq, "Unreserve", **theirs).is_unreserved
    assert session_call(daq, "Unreserve", **mine).is_unreserved
    assert session_call(daq, "Reserve", **theirs).is_reserved


def test_a_device_that_is_pulled_out(daq):
    """Its task fails, the other board's goes on; back in its place it can be used again."""
    with (
        inputs(daq, "Dev1/ai2", sample_mode=AcquisitionType.CONTINUOUS) as here,
        inputs(daq, "Dev2/ai0", sample_mode=AcquisitionType.CONTINUOUS) as there,
    ):
        here.start()
        there.start()
        daq.pull("Dev2")
        assert here.read(5) == [2.5] * 5
        with pytest.raises(nidaqmx.DaqError) as error:
            there.read(5)
        assert error.value.error_type == DAQmxErrors.DEV_CANNOT_BE_ACCESSED
        system = nidaqmx.system.System.remote(daq)
        assert list(system.devices.device_names) == ["Dev1"]
        there.stop()
        with pytest.raises(nidaqmx.DaqError):
            there.start()
        daq.plug_in("Dev2")
        there.start()
        assert there.read(5) == [-2.5] * 5
