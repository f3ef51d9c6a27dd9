"""Typed client and adapter base class for integrators."""
