"""Starts the processes of one installation, keeps them running and stops them together."""
