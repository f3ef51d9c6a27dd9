"""Deterministic, seeded scenarios that emit the real wire messages."""
