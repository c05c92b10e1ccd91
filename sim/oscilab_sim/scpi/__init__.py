"""Virtual SCPI instruments, wired to one simulated board: the twin of a rack."""
