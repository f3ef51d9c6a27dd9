"""Zones: where they lie, when they hold, and who enters and leaves them."""
