"""The twin of the front end `firmware`: the real firmware, compiled for this computer."""
