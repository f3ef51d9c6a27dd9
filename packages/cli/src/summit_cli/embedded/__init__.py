"""The servers that `summit up` brings along: NATS and PostgreSQL, on loopback, with their state in the state folder."""
