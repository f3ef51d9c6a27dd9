"""How much each caller may ask of the gateway (ADR 0022)."""
