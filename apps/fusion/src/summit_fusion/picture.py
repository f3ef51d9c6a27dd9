"""Which picture an observation belongs to: the live one of an organisation, or one of its recordings. Nothing is ever
estimated from two of them. Pure.

A picture goes by one name: none for the live one of the default organisation, that of the recording for its recordings,
``<recording>@<organisation>`` for those of others (neither may hold an ``@``).
"""

from summit_core.model import AnyObservation, Entity


def picture_of(thing: AnyObservation | Entity) -> str | None:
    """The name of its picture."""
    if thing.organisation is None:
        return thing.recording
    return f"{thing.recording or ''}@{thing.organisation}"


def recording_in(picture: str | None) -> str | None:
    """The recording that a picture is of; None for a live one."""
    return (picture or "").partition("@")[0] or None


def organisation_in(picture: str | None) -> str | None:
    """Whose it is; None: the default organisation's."""
    return (picture or "").partition("@")[2] or None
