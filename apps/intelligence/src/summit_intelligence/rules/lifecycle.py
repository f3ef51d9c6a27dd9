"""The life of an incident: which state may follow which."""

from typing import Final

from summit_core.model import IncidentState

_S = IncidentState
NEXT: Final[dict[IncidentState, frozenset[IncidentState]]] = {
    _S.SUSPECTED: frozenset({_S.CONFIRMED, _S.CLOSED, _S.FALSE_ALARM}),
    _S.CONFIRMED: frozenset({_S.CONTAINED, _S.CONTROLLED, _S.CLOSED, _S.FALSE_ALARM}),
    _S.CONTAINED: frozenset({_S.CONFIRMED, _S.CONTROLLED, _S.CLOSED}),
    _S.CONTROLLED: frozenset({_S.CONFIRMED, _S.CONTAINED, _S.CLOSED}),
    _S.CLOSED: frozenset(),
    _S.FALSE_ALARM: frozenset(),
}
"""A fire that breaks out again goes back to confirmed; what is closed stays closed, a new fire is a new incident."""


def allowed(present: IncidentState, wanted: IncidentState) -> bool:
    return wanted in NEXT[present]


def choices(present: IncidentState) -> str:
    """The states that may follow, in words."""
    return ", ".join(sorted(state.value for state in NEXT[present])) or "nothing: it has ended"
