"""A real issuer on loopback: discovery and keys over HTTP, tokens really signed; and every forgery of them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "summit"


@dataclass
class IssuerServer:
    """Keys by id; ``asked`` counts what was fetched; ``away`` answers 503."""

    url: str = ""
    keys: dict[str, tuple[str, Any]] = field(default_factory=dict)
    asked: int = 0
    away: bool = False
    name: str | None = None

    def add(self, kid: str, algorithm: str = "RS256") -> None:
        makers = {
            "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }
        self.keys[kid] = (algorithm, makers[algorithm]())

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "ann-1", "iat": now, "nbf": now, "exp": now + 300}
        made = said | {"preferred_username": "ann", "realm_access": {"roles": ["other", "operator"]}} | changed
        return {name: value for name, value in made.items() if value is not None}

    def token(self, kid: str = "a", *, header: dict[str, Any] | None = None, **changed: Any) -> str:
        algorithm, key = self.keys[kid]
        return jwt.encode(self.claims(**changed), key, algorithm=algorithm, headers={"kid": kid} | (header or {}))

    def public_pem(self, kid: str = "a") -> bytes:
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        pem: bytes = self.keys[kid][1].public_key().public_bytes(serialization.Encoding.PEM, kind)
        return pem

    def jwks(self) -> dict[str, Any]:
        shown = []
        for kid, (algorithm, key) in self.keys.items():
            kind = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}[algorithm]
            shown.append(json.loads(kind.to_jwk(key.public_key())) | {"kid": kid, "use": "sig", "alg": algorithm})
        return {"keys": [*shown, {"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTMy"}]}

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.away:
            return web.Response(status=503)
        if request.path.endswith("openid-configuration"):
            return web.json_response({"issuer": self.name or self.url, "jwks_uri": f"{self.url}/keys"})
        return web.json_response(self.jwks())


@asynccontextmanager
async def issuing() -> AsyncIterator[IssuerServer]:
    server = IssuerServer()
    server.add("a")
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(header: dict[str, Any], claims: dict[str, Any], sign: Any) -> str:
    """A token made by hand, because no library makes a bad one."""
    body = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{body}.{b64(sign(body.encode()))}"


def forgeries(issuer: IssuerServer) -> dict[str, str]:
    """By what is wrong with each."""
    now = int(time.time())
    stranger = IssuerServer(url=issuer.url)
    stranger.add("a")
    good = issuer.token()
    head, body, signature = good.split(".")
    other = b64(json.dumps(issuer.claims(realm_access={"roles": ["administrator"]})).encode())

    def by_public_key(message: bytes) -> bytes:
        return hmac.digest(issuer.public_pem(), message, hashlib.sha256)

    def by_shared(message: bytes) -> bytes:
        return hmac.digest(b"secret-secret-secret-secret-32", message, hashlib.sha256)

    claims = issuer.claims()
    embedded = json.loads(RSAAlgorithm.to_jwk(stranger.keys["a"][1].public_key()))
    return {
        "another's key": stranger.token(),
        "another's key, shown in the token": stranger.token(header={"jwk": embedded}),
        "another's key, named by address": stranger.token(header={"jku": "http://127.0.0.1:1/keys", "kid": "x"}),
        "changed claims": f"{head}.{other}.{signature}",
        "no signature": f"{head}.{body}.",
        "alg none": raw({"alg": "none", "kid": "a"}, claims, lambda _: b""),
        "alg None": raw({"alg": "NoNe", "kid": "a"}, claims, lambda _: b""),
        "HS256 by the public key": raw({"alg": "HS256", "kid": "a"}, claims, by_public_key),
        "HS256 by the shared key of the set": raw({"alg": "HS256", "kid": "shared"}, claims, by_shared),
        "RS512": jwt.encode(claims, issuer.keys["a"][1], algorithm="RS512", headers={"kid": "a"}),
        "PS256": jwt.encode(claims, issuer.keys["a"][1], algorithm="PS256", headers={"kid": "a"}),
        "ES256 with an RSA key": raw({"alg": "ES256", "kid": "a"}, claims, lambda _: bytes(64)),
        "no kid": jwt.encode(claims, issuer.keys["a"][1], algorithm="RS256"),
        "kid is a path": issuer.token(header={"kid": "../../dev/null"}),
        "unknown crit": issuer.token(header={"crit": ["exp2"], "exp2": 1}),
        "expired": issuer.token(exp=now - 60),
        "never expires": issuer.token(exp=None),
        "not yet valid": issuer.token(nbf=now + 3600),
        "issued in the future": issuer.token(iat=now + 3600),
        "another issuer": issuer.token(iss="https://issuer.example"),
        "no issuer": issuer.token(iss=None),
        "another audience": issuer.token(aud="other"),
        "no audience": issuer.token(aud=None),
        "nobody": issuer.token(sub=None),
        "deep header": f"{b64(b'[' * 4000)}.{body}.{signature}",
        "not three parts": f"{head}.{body}",
        "no text": "\u00e9.\u00e9.\u00e9",
    }
