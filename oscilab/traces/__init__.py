"""Run files: everything measured, in HDF5."""
