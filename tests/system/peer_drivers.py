"""Public drivers against virtual instruments; needs QCoDeS, PyMeasure and others.

    python peer_drivers.py DRIVER ADDRESS

prints its results as JSON. It does not need oscilab, and runs in a separate environment if the
requirements of these packages conflict with oscilab's.
"""

from __future__ import annotations

import importlib
import json
import sys

import numpy as np

PACKAGES = {
    "qcodes-qdac2": "qcodes_contrib_drivers.drivers.QDevil.QDAC2",
    "qcodes-qdac2-arrangement": "qcodes_contrib_drivers.drivers.QDevil.QDAC2",
    "qcodes-33512b": "qcodes.instrument_drivers.Keysight",
    "pymeasure-33500": "pymeasure.instruments.agilent",
    "daqmon-34970a": "daqmon.instrument",
}
"""The module that each driver needs."""


def qdac2(address):
    from qcodes_contrib_drivers.drivers.QDevil.QDAC2 import QDac2

    qdac = QDac2("qdac", address=address, visalib="@py")
    qdac.reset = lambda: qdac.write("*rst")
    qdac.reset()
    ch1, ch2 = qdac.channel(1), qdac.channel(2)
    ch1.dc_constant_V(1.25)
    ch2.output_range("low")
    ch2.output_filter("med")
    ch2.dc_slew_rate_V_per_s(100.0)
    ch2.dc_constant_V(-1.5)
    found = {
        "idn": qdac.IDN()["model"], "mac": qdac.mac(),
        "volts": [ch1.dc_constant_V(), ch2.dc_last_V()],
        "range": ch2.output_range(), "filter": ch2.output_filter(),
        "low": [ch2.output_low_range_minimum_V(), ch2.output_high_range_maximum_V()],
        "current": ch1.read_current_A(),
    }  # fmt: skip
    levels = ch1.dc_list(voltages=[0.0, 1.0, 2.0], dwell_s=1e-3)
    levels.append([3.0])
    found["list"] = [levels.points(), list(levels.values_V())]
    levels.start()
    found["end of list"] = ch1.dc_last_V()
    trace = qdac.allocate_trace("shape", 500)
    trace.waveform(np.linspace(0, 1, 500))
    wave = ch2.arbitrary_wave("shape", scale=0.5, repetitions=2)
    with qdac.allocate_trigger() as trigger:
        wave.start_on(trigger)
        qdac.trigger(trigger)
    wave.abort()
    found["traces"] = qdac.traces()
    sine = qdac.channel(3).sine_wave(frequency_Hz=100.0, span_V=1.0, offset_V=0.5)
    sine.start()
    square = qdac.channel(4).square_wave(period_s=0.01, duty_cycle_percent=25.0)
    square.start()
    triangle = qdac.channel(5).triangle_wave(period_s=0.01)
    triangle.start()
    sweep = qdac.channel(6).dc_sweep(start_V=0.0, stop_V=1.0, points=11, dwell_s=1e-3)
    sweep.start()
    found["sweep"] = [sweep.points(), sweep.start_V(), sweep.stop_V()]
    measurement = ch1.measurement(nplc=1, repetitions=1)
    measurement.start()
    found["available"] = measurement.n_available()
    qdac.start_all()
    qdac.abort()
    qdac.remove_traces()
    found["errors"] = qdac.errors()
    found["count"] = qdac.n_errors()
    qdac.close()
    return found


def arrangement(address):
    from qcodes_contrib_drivers.drivers.QDevil.QDAC2 import QDac2

    qdac = QDac2("gates", address=address, visalib="@py")
    gates = qdac.arrange({"left": 1, "right": 2, "top": 3}, output_triggers={"scope": 4})
    gates.set_virtual_voltages({"left": 0.3, "right": -0.4})
    gates.add_correction("left", [1.0, 0.5, 0.0])
    sweep = gates.virtual_sweep2d(
        inner_contact="left", inner_voltages=np.linspace(0, 0.3, 4), outer_contact="right",
        outer_voltages=np.linspace(0, 0.2, 3), inner_step_time_s=1e-4,
    )  # fmt: skip
    sweep.start()
    gates.set_virtual_voltage("top", 0.7)
    found = {"top": qdac.channel(3).dc_last_V(), "errors": qdac.errors()}
    qdac.close()
    return found


def keysight(address):
    from qcodes.instrument_drivers.Keysight import Keysight33512B

    awg = Keysight33512B("awg", address, visalib="@py")
    awg.add_function("reset", call_cmd="*RST")
    awg.reset()
    found = {"idn": awg.IDN()["model"], "channels": awg.num_channels}
    for channel in (awg.ch1, awg.ch2):
        channel.function_type("ARB")
        channel.frequency_mode("CW")
        channel.frequency(2e3)
        channel.phase(90)
        channel.amplitude_unit("VPP")
        channel.amplitude(2.0)
        channel.offset(0.5)
        channel.output_polarity("NORM")
        channel.ramp_symmetry(40)
        channel.pulse_width(2e-4)
        channel.trigger_source("BUS")
        channel.trigger_slope("POS")
        channel.trigger_count(2)
        channel.trigger_delay(1e-3)
        channel.trigger_timer(0.5)
        channel.burst_state("ON")
        channel.burst_mode("N Cycle")
        channel.burst_ncycles(3)
        channel.burst_phase(0)
        channel.burst_polarity("NORM")
        channel.burst_int_period(0.02)
        channel.output("ON")
    found["levels"] = [awg.ch1.amplitude(), awg.ch1.offset(), awg.ch2.frequency()]
    found["burst"] = [awg.ch1.burst_ncycles(), awg.ch1.burst_state(), awg.ch1.trigger_count()]
    awg.sync.output("ON")
    awg.sync.source(2)
    found["sync"] = [awg.sync.output(), awg.sync.source()]
    awg.force_trigger()
    awg.sync_channel_phases()
    awg.ch1.snapshot(update=True)
    found["error"] = list(awg.error())
    awg.close()
    return found


def pymeasure(address):
    from pymeasure.instruments.agilent import Agilent33500

    awg = Agilent33500(address, visa_library="@py", read_termination="\n", write_termination="\n")
    awg.reset()
    awg.clear()
    found = {"id": awg.id}
    ramp = [round(v) for v in np.linspace(-32767, 32767, 200)]
    awg.ch_1.data_volatile_clear()
    awg.ch_1.data_arb("ramp", ramp, data_format="DAC")
    awg.ch_2.data_arb("wave", list(np.linspace(-1, 1, 100)), data_format="float")
    for channel, name in ((awg.ch_1, "ramp"), (awg.ch_2, "wave")):
        channel.output_load = "INF"
        channel.arb_file = name
        channel.shape = "ARB"
        channel.arb_srate = 1e5
        channel.arb_filter = "OFF"
        channel.arb_advance = "SRAT"
        channel.amplitude = 4.0
        channel.offset = 1.0
        channel.burst_mode = "TRIG"
        channel.burst_ncycles = 1
        channel.burst_state = True
        channel.output = True
        channel.phase = 0
    awg.write("TRIG1:SOUR BUS;:TRIG2:SOUR BUS")
    awg.write("*TRG")
    awg.phase_sync()
    awg.beep()
    ends = [awg.ch_2.voltage_high, awg.ch_2.voltage_low]
    found["levels"] = [awg.ch_1.amplitude, awg.ch_1.offset, *ends]
    found["state"] = [awg.ch_1.shape, awg.ch_1.output, awg.ch_1.burst_state, awg.ch_1.arb_file]
    found["rate"] = awg.ch_2.arb_srate
    for name, value in (
        ("shape", "SQU"), ("frequency", 500.0), ("square_dutycycle", 30.0), ("ramp_symmetry", 20.0),
        ("pulse_period", 1e-3), ("pulse_hold", "WIDT"), ("pulse_width", 1e-4),
        ("pulse_dutycycle", 10.0), ("pulse_transition", 2e-8), ("burst_period", 0.1),
    ):  # fmt: skip
        setattr(awg.ch_1, name, value)
        assert getattr(awg.ch_1, name) == value, name
    found["errors"] = [list(error) for error in awg.check_errors() or []]
    awg.adapter.close()
    return found


def daqmon(address):
    """Use a driver of the DAQ970A's predecessor, which has the same commands, on a serial line."""
    from daqmon.instrument import HP34970A

    meter = HP34970A(port=address, timeout=20.0)
    meter.open()
    found = {"idn": meter.idn()}
    meter.reset()
    meter.clear_status()
    meter.configure_dc_voltage([101, 102, 103], range_val="10", nplc=0.2)
    meter.set_channel_delay(101, 0.01)
    meter.set_scan_list([101, 102, 103])
    meter.set_scan_interval(0.5)
    meter.set_scan_count(4)
    meter.enable_channel_in_readings()
    meter.initiate_scan()
    found["points"] = meter.get_data_count()
    readings = meter.query_readings_with_channels("DATA:REM? 12")
    found["channels"] = [channel for _, channel in readings]
    found["list"] = meter.get_scan_channel_list()
    found["told"] = [
        meter.query_channel_function(101), float(meter.query_channel_range(101, "VOLT:DC")),
        float(meter.query_channel_nplc(101, "VOLT:DC")), float(meter.query_channel_delay(101)),
        meter.query_trigger_source(), float(meter.query_trigger_timer()),
        float(meter.query_trigger_count()),
    ]  # fmt: skip
    meter.set_scan_count(0)
    meter.initiate_scan()
    found["endless"] = meter.get_data_count()
    meter.abort_scan()
    found["error"] = meter.query("SYST:ERR?")
    meter.close()
    return found


RUNS = {
    "qcodes-qdac2": qdac2,
    "qcodes-qdac2-arrangement": arrangement,
    "qcodes-33512b": keysight,
    "pymeasure-33500": pymeasure,
    "daqmon-34970a": daqmon,
}

if __name__ == "__main__":
    if len(sys.argv) == 2:
        importlib.import_module(PACKAGES[sys.argv[1]])
    else:
        print("PEER", json.dumps(RUNS[sys.argv[1]](sys.argv[2])))
