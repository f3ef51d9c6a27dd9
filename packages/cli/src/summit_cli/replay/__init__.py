"""Recordings through the public ingest: one reader for each format, one sender."""
