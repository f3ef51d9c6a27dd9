"""What every Summit OS service and tool shares: the model, the wire format and the adapters."""
