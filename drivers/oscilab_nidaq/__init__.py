"""NI-DAQmx boards as an analog front end; nothing here yet."""
