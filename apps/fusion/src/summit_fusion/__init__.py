"""Locates bearings and tracks positions: one world from many sensors."""
