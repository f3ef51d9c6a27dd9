"""The past: every version of the world by the time at which the stream stored it."""
