"""The front end `firmware`: the host side of the microcontroller's serial protocol."""
