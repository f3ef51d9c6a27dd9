"""What is particular to the gateway's OpenAPI document: who may knock, and how a request is made only once."""

from typing import Any, Final

from fastapi import FastAPI
from summit_core.http.openapi import operations

from summit_gateway.idempotency.key import HEADER, PATTERN

ONCE: Final = {
    "name": HEADER,
    "in": "header",
    "description": "the same key and body again: the same answer, done once",
    "schema": {"type": "string", "pattern": PATTERN},
}


def complete(app: FastAPI) -> dict[str, Any]:
    """The page of the app, with credentials and ``Idempotency-Key``."""
    page = app.openapi()
    page["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "summit_session"},
    }
    page["security"] = [{"key": []}, {"session": []}]
    for _, _, method, operation in operations(page):
        if method == "post":
            operation.setdefault("parameters", []).append(dict(ONCE))
    return page
