"""Limits at the door: how often, how much, how long and how many at a time, by caller and by address (ADR 0022)."""
