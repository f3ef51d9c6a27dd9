"""The summit command."""
