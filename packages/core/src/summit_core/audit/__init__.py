"""The audit: what was changed or refused, by whom, as a chain of hashes (ADR 0021)."""
