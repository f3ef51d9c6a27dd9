"""Observations by HTTP."""
