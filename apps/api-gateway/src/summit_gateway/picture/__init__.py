"""Reads of the live picture, from memory."""
