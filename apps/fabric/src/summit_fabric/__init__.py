"""Validates, records and accounts for every observation; keeps the world model."""
