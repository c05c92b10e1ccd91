"""Devices, tasks and reservations of the virtual NI-DAQmx server."""

from __future__ import annotations

import grpc
import nidaqmx
import pytest
from google.protobuf.message_factory import GetMessageClass
from nidaq_tasks import inputs, two_boards
from nidaqmx.constants import AcquisitionType
from nidaqmx.error_codes import DAQmxErrors

from oscilab.errors import InvalidInput
from oscilab_sim.nidaq.rpc_system import SERVICE
from oscilab_sim.nidaq.server import NidaqServer
from oscilab_sim.nidaq.virtual_daq import virtual_daq


@pytest.fixture
def daq():
    with two_boards() as daq:
        yield daq


def held(daq):
    """An abandoned task that has reserved an output and the outputs' clock."""
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
    """As on NI's server, the outputs hold and all tasks are cleared."""
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
    """Its task fails, that of the other board continues; put back, it can be used again."""
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


def test_an_rpc_that_is_not_implemented_is_refused_by_name():
    with virtual_daq() as daq, nidaqmx.Task(grpc_options=daq) as task:
        with pytest.raises(nidaqmx.DaqError, match="does not implement the RPC CreateAIRTDChan"):
            task.ai_channels.add_ai_rtd_chan("Dev1/ai0")
        assert daq.server.unimplemented == ["CreateAIRTDChan"]


def test_an_endpoint_that_cannot_be_had_is_refused():
    with virtual_daq() as daq:
        taken = daq.address
        with pytest.raises(InvalidInput, match=rf"cannot listen at {taken}, where another server"):
            NidaqServer(daq.server.driver, taken)
        with pytest.raises(InvalidInput, match=r"listen at 127\.0\.0\.1:99999; give"):
            NidaqServer(daq.server.driver, "127.0.0.1:99999")


def test_the_fixture_for_other_peoples_tests(virtual_daq_options):
    with nidaqmx.Task(grpc_options=virtual_daq_options) as task:
        task.ai_channels.add_ai_voltage_chan("Dev1/ai0")
        assert task.read() == 0.0
