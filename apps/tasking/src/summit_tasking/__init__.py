"""Proposes, waits for a person, dispatches and follows tasks."""
