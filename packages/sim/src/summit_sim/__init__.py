"""Deterministic, seeded scenarios that emit the real wire messages through the public interfaces."""
