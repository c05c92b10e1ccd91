"""SCPI instruments as a front end: a rack of sources, waveform generators and voltmeters."""
