"""API keys: who may call."""
