"""``/v1/stream``: the live picture, pushed."""
