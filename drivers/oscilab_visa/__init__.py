"""SCPI instruments as an analog front end; nothing here yet."""
