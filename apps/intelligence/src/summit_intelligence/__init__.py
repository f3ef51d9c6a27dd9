"""Works out what it means: incidents, alerts, advisories."""
