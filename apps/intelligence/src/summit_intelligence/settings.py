"""Settings of intelligence: only what every service needs."""

from summit_core.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from the environment at start."""
