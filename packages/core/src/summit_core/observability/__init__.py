"""Logs, metrics and health: what a service says about itself."""
