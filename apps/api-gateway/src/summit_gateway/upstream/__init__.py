"""What the gateway passes on to the service that owns it."""
