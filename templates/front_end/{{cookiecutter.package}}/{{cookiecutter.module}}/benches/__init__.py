"""Example bench files."""
