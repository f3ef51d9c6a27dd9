"""An authenticator in software: what a device and its browser do (WebAuthn Level 3, 6.1, 6.3, 6.5), and what they must
not do. It speaks for itself, without the library that judges it."""

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

RP_ID = "localhost"
ORIGIN = "http://localhost:8000"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Passkey:
    """One credential. ``count`` goes up by ``step`` with each use; a step of 0 is a passkey that does not count."""

    private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: os.urandom(32))
    handle: bytes = b""
    count: int = 0
    step: int = 1
    rp_id: str = RP_ID
    origin: str = ORIGIN
    flags: int = PRESENT | VERIFIED
    cross_origin: bool = False

    def make(self, options: dict[str, Any], **client: Any) -> dict[str, Any]:
        """``navigator.credentials.create()``, as JSON."""
        self.handle = bytes_of(options["user"]["id"])
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(self._public())
        data = self._data(self.flags | ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": text_of(self._client("webauthn.create", options, client)),
            "attestationObject": text_of(attestation),
            "transports": ["internal"],
        }
        return self._credential(response)

    def show(self, options: dict[str, Any], **client: Any) -> dict[str, Any]:
        """``navigator.credentials.get()``, as JSON."""
        self.count += self.step
        data, said = self._data(self.flags), self._client("webauthn.get", options, client)
        signed = data + hashlib.sha256(said).digest()
        private = self.private
        ecdsa = ec.ECDSA(hashes.SHA256())
        signature = (
            private.sign(signed) if isinstance(private, ed25519.Ed25519PrivateKey) else private.sign(signed, ecdsa)
        )
        response = {
            "clientDataJSON": text_of(said),
            "authenticatorData": text_of(data),
            "signature": text_of(signature),
            "userHandle": text_of(self.handle),
        }
        return self._credential(response)

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        ids = {"id": text_of(self.id), "rawId": text_of(self.id)}
        return ids | {"type": "public-key", "response": response, "clientExtensionResults": {}}

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, Any], changed: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(said | {"crossOrigin": self.cross_origin} | changed).encode()

    def _public(self) -> dict[int, Any]:
        """As a COSE key (RFC 9052, 7)."""
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return {1: 1, 3: -8, -1: 6, -2: self.private.public_key().public_bytes_raw()}
        numbers = self.private.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
