"""Simulated arrays, electronics and instruments for oscilab."""
