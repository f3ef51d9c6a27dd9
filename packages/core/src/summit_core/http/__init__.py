"""HTTP the same way in every service: problems, health, metrics, request ids, one server, one client."""
