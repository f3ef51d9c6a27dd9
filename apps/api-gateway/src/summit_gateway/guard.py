"""Runs before every route: may this caller, and is what he is about to change in the audit?"""

from starlette.requests import HTTPConnection
from summit_core.errors import SummitError

from summit_gateway.access import Door, access_of, admit
from summit_gateway.audit.action import action_of
from summit_gateway.identity import REFUSAL, SAFE_METHODS


async def guard(connection: HTTPConnection) -> None:
    """Raises :class:`UnauthenticatedError`, :class:`ForbiddenError`, or :class:`UnavailableError` where the intention
    cannot be recorded. A WebSocket is told by its route, after the handshake."""
    try:
        access = access_of(connection)
        admit(connection, access)
        if access is not Door.OPEN and connection.scope.get("method", "GET") not in SAFE_METHODS:
            await action_of(connection).intend()
    except SummitError as error:
        if connection.scope["type"] != "websocket":
            raise
        connection.scope["state"][REFUSAL] = error
