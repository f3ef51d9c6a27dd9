"""What goes into the audit of what comes through the gateway (ADR 0021)."""
