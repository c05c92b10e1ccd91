"""NI-DAQmx boards as an analog front end."""
