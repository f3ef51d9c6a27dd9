"""``Idempotency-Key``: a request that is sent again has its effect once, and gets its answer again (ADR 0022)."""
