"""A virtual NI-DAQmx: a gRPC server that speaks NI's interface to the unmodified `nidaqmx`."""
