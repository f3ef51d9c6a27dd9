"""Whose each source is: its registration's organisation, or the default one where nobody has registered it."""

from typing import Final

from summit_core.bus.change import Change
from summit_core.bus.picture import Picture
from summit_core.errors import ErrorCode, InputError
from summit_core.model import AnyObservation

_TYPE: Final = "registrations"


class Owners:
    """Follows a picture. Holds the sources of other organisations only, of which most installations have none."""

    def __init__(self, picture: Picture) -> None:
        self._known: dict[str, str] = {}
        picture.listen(self._take)

    @property
    def alone(self) -> bool:
        """Whether every source is the default organisation's."""
        return not self._known

    def of(self, source: str) -> str | None:
        return self._known.get(source)

    def check(self, observation: AnyObservation, organisation: str | None) -> None:
        """Raises :class:`InputError` where a source is not that organisation's."""
        source = observation.source
        if self.of(source) != organisation:
            fix = "register it" if organisation is not None and source not in self._known else "use a source of yours"
            raise InputError(
                f"source: {source!r} does not belong to your organisation; {fix}",
                code=ErrorCode.SOURCE_MISMATCH,
                field="source",
            )

    def _take(self, change: Change) -> None:
        event = change.event
        if event.type != _TYPE:
            return
        if event.op == "upsert" and event.organisation is not None:
            self._known[event.key] = event.organisation
        else:
            self._known.pop(event.key, None)
