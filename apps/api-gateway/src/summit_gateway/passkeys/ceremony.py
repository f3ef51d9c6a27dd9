"""What a browser is asked for, and whether what came back holds (WebAuthn Level 3, 7.1, 7.2; library ``webauthn``)."""

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec
import webauthn
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from summit_core.errors import UnauthenticatedError
from webauthn.helpers import base64url_to_bytes, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from summit_gateway.passkeys.challenge import LASTS
from summit_gateway.passkeys.passkey import MadeCredential, ShownCredential

NAME: Final = "Summit OS"
REFUSED: Final = "the passkey was not accepted; try again, or sign in with name and password"
_TIMEOUT_MS: Final = int(LASTS.total_seconds() * 1000)
_MALFORMED: Final = (
    *(WebAuthnException, InvalidSignature, UnsupportedAlgorithm),
    *(ValueError, LookupError, TypeError, AttributeError, RecursionError),
)
"""What ``webauthn`` raises for hostile bytes: its own errors, and whatever its parsing stumbles over."""
T = TypeVar("T")


class RelyingParty(NamedTuple):
    """Whose passkeys these are. A browser shows a passkey of ``id`` only to pages of that host or below."""

    id: str
    origins: tuple[str, ...]

    @classmethod
    def of(cls, origins: str, rp_id: str | None = None) -> "RelyingParty":
        """Of the settings; raises :class:`ValueError` that says what to write instead."""
        pages = tuple(part.strip() for part in origins.split(",") if part.strip())
        if not pages:
            raise ValueError("name at least one page, https://host")
        hosts = [_host(page) for page in pages]
        id_ = rp_id or hosts[0]
        if any(host != id_ and not host.endswith(f".{id_}") for host in hosts) or ("." not in id_ and id_ != LOCAL):
            raise ValueError(f"{id_!r} is not the host, or a parent domain, of every page in SUMMIT_PASSKEY_ORIGINS")
        return cls(id_, pages)

    def registration(self, user_id: str, name: str, challenge: bytes, known: Iterable[bytes]) -> dict[str, Any]:
        """``PublicKeyCredentialCreationOptionsJSON``: a passkey that names its user by itself and asks who holds it."""
        required = AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        )
        options = webauthn.generate_registration_options(
            rp_id=self.id,
            rp_name=NAME,
            user_id=user_id.encode(),
            user_name=name,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            authenticator_selection=required,
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        )
        return options_to_json_dict(options)

    def sign_in(self, challenge: bytes) -> dict[str, Any]:
        """``PublicKeyCredentialRequestOptionsJSON``; the browser offers whatever passkeys it has for us."""
        options = webauthn.generate_authentication_options(
            rp_id=self.id,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json_dict(options)

    def made(self, credential: MadeCredential, challenge: bytes) -> tuple[bytes, bytes, int]:
        """Credential id, public key (COSE) and count; raises :class:`UnauthenticatedError`. What made it is not asked:
        whoever wants a passkey may choose its maker."""
        found = _checked(
            lambda: webauthn.verify_registration_response(
                credential=msgspec.to_builtins(credential),
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=list(self.origins),
                require_user_verification=True,
            )
        )
        return found.credential_id, found.credential_public_key, found.sign_count

    def shown(self, credential: ShownCredential, challenge: bytes, public_key: bytes) -> int:
        """The count that the authenticator states; raises :class:`UnauthenticatedError`. The count is not judged here:
        only what is signed can say that there is a copy."""
        found = _checked(
            lambda: webauthn.verify_authentication_response(
                credential=msgspec.to_builtins(credential),
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=list(self.origins),
                credential_public_key=public_key,
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        )
        return found.new_sign_count


LOCAL: Final = "localhost"


def challenge_of(client_data: str) -> bytes:
    """The challenge that the browser says was signed; raises :class:`UnauthenticatedError`. A page within a page of
    somebody else gets nothing."""
    told = _checked(lambda: parse_client_data_json(base64url_to_bytes(client_data)))
    if told.cross_origin:
        raise UnauthenticatedError(REFUSED)
    return told.challenge


def bytes_of(text: str) -> bytes:
    """Of base64url; raises :class:`UnauthenticatedError`."""
    return _checked(lambda: base64url_to_bytes(text))


def _checked(work: Callable[[], T]) -> T:
    """Which check failed is nobody's business who failed it."""
    try:
        return work()
    except _MALFORMED:
        raise UnauthenticatedError(REFUSED) from None


def _host(page: str) -> str:
    """Of an origin; raises :class:`ValueError`."""
    parts = urlsplit(page)
    host = parts.hostname or ""
    whole = f"{parts.scheme}://{parts.netloc}" == page and "@" not in page and "*" not in page and page == page.lower()
    if not whole or not (parts.scheme == "https" or (parts.scheme == "http" and host == LOCAL)):
        raise ValueError(f"{page!r}: write https://host, or http://localhost:port, in small letters, nothing behind it")
    if _is_address(host):
        raise ValueError(f"{page!r}: browsers give passkeys to names only; use one, such as localhost")
    return host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
