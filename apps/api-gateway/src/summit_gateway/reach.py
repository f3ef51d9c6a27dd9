"""Whose credentials an administrator may see, make and change."""

from summit_core.errors import ForbiddenError
from summit_core.model import DEFAULT_ORGANISATION, Principal


def oversees(by: Principal, organisation: str) -> bool:
    """His own organisation's; the default organisation's administrators look after the whole installation."""
    return by.organisation in (organisation, DEFAULT_ORGANISATION)


def require_full(by: Principal) -> None:
    """A narrowed credential may not make a wider one. Raises :class:`ForbiddenError`."""
    if by.scopes is not None or by.areas:
        raise ForbiddenError("a credential that is narrowed by scopes or areas may not hand out others")


def may_make(by: Principal, organisation: str | None) -> str:
    """The organisation of a new credential; raises :class:`ForbiddenError` unless ``by`` may make one there."""
    require_full(by)
    wanted = organisation or by.organisation
    if not oversees(by, wanted):
        raise ForbiddenError(f"you may make none for {wanted}, only for your own organisation", field="organisation")
    return wanted
