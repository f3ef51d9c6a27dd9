"""Typed settings of every service, read from the environment once, validated at start and never at import.

Each setting ``x`` is read from ``SUMMIT_X``, or, so that a secret need not stand in an environment, from the file that
``SUMMIT_X_FILE`` names. No secret has a default: a service without one refuses to start and says which it misses.
"""

import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from summit_core.observability.logs import leave
from summit_core.security.service_key import ServiceKey
from summit_core.security.tls import TlsSettings

PREFIX = "SUMMIT_"
S = TypeVar("S", bound="ServiceSettings")


class UnreadableSecretError(OSError):
    """The file that a setting names cannot be read."""


class _FileSource(PydanticBaseSettingsSource):
    """Reads ``SUMMIT_X_FILE`` for setting ``x``."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        try:
            return (Path(path).read_text(encoding="utf-8").strip() or None if path else None), field_name, False
        except OSError as error:
            raise UnreadableSecretError(f"{variable} names {path}: {error.strerror}") from None

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def secret(description: str, *, rotation: str, breaks: str, default: Any = ..., min_length: int | None = None) -> Any:
    """A field that holds a secret, with what docs/SECRETS_MANAGEMENT.md says of it: how it is changed, and what stops
    when it is wrong or lost. The document is written from these."""
    extra: dict[str, Any] = {"rotation": rotation, "breaks": breaks}
    return Field(default=default, min_length=min_length, description=description, json_schema_extra=extra)


class ServiceSettings(TlsSettings):
    """What every service needs. Apps subclass it and add their own lines."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    nats_url: SecretStr = secret(
        "nats://user:password@host:port of the broker; tls:// where it must be encrypted",
        rotation="new password into the broker's users and this URL, reload the broker, start the services anew",
        breaks="the service waits for the broker and is not ready",
    )
    service_key: SecretStr = secret(
        "the key that services show each other",
        min_length=20,
        rotation="`summit secrets rotate service_key`, start the services anew, the gateway last, then `--end`",
        breaks="every call through the gateway to a service with another key answers 503",
    )
    service_key_previous: SecretStr | None = secret(
        "the service key before this one, which is accepted too while it is rotated",
        default=None,
        min_length=20,
        rotation="written by `summit secrets rotate service_key`, emptied by its `--end`",
        breaks="nothing, outside a rotation",
    )
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(ge=0, le=65535, description="port to listen on")
    log_level: str = Field(default="info", description="debug, info, warning or error")
    cors_origins: str = Field(
        default="", validation_alias="CORS_ORIGINS", description="comma-separated browser origins"
    )
    requests_at_once: int = Field(default=256, ge=1, description="requests underway, above which others are refused")
    otel_endpoint: str | None = Field(default=None, description="where spans go by OTLP, such as http://host:4318")
    uvicorn_reload: bool = Field(
        default=False, validation_alias="UVICORN_RELOAD", description="reload, development only"
    )

    @property
    def service_keys(self) -> ServiceKey:
        """What other services may show us."""
        return ServiceKey(self.service_key.get_secret_value(), revealed(self.service_key_previous))

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("use debug, info, warning or error")
        return value.lower()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _FileSource(settings_cls)


def revealed(secret: SecretStr | None) -> str | None:
    """What is in it, or None."""
    return None if secret is None else secret.get_secret_value()


def load(settings: type[S]) -> S:
    """The settings, or exit code 2 with one line for each that is missing or wrong."""
    try:
        return settings()
    except UnreadableSecretError as error:
        raise leave(settings.__module__.partition(".")[0], f"cannot start, {error}", code=2) from None
    except ValidationError as error:
        lines = [f"{_environment_name(settings, e['loc'])}: {e['msg']}" for e in error.errors(include_input=False)]
        reason = "cannot start, these settings are wrong or missing:\n  " + "\n  ".join(lines)
        raise leave(settings.__module__.partition(".")[0], reason, code=2) from None


def _environment_name(settings: type[ServiceSettings], location: tuple[int | str, ...]) -> str:
    name = str(location[0]) if location else "?"
    return f"{PREFIX}{name.upper()}" if name in settings.model_fields else name
