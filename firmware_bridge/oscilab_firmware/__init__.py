"""The microcontroller's serial protocol, host side; nothing here yet."""
