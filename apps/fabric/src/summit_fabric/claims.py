"""Whose the observations are that came by a door: of the credential, never of what is said in them (ADR 0020). Pure."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace
from summit_core import wire
from summit_core.bus.owners import Owners
from summit_core.errors import InputError
from summit_core.model import DEFAULT_ORGANISATION, AnyObservation, DeadLetter

from summit_fabric.judge import Input, Verdict, letter_of, route_of

ORGANISATION: Final = "Summit-Organisation"
"""On what a service of ours sends again for an organisation. MQTT knows no headers, so no device can set it."""
BEHIND: Final = 1_000_000
"""Added to the place of an observation in its message, so that its letter is no other's."""


def settle(
    message: Input, headers: Mapping[str, str], verdict: Verdict, start: tuple[int, int], owners: Owners
) -> None:
    """Of what a message came to (``start``: how much was accepted and refused before it): give each observation to its
    organisation, and refuse one whose source belongs to another."""
    accepted, refused = start
    device, said = route_of(message.subject).device, headers.get(ORGANISATION)
    if said is not None:
        sender = None if said == DEFAULT_ORGANISATION else said
    else:  # a device may publish nowhere but on its own subjects, so the subject is its credential
        sender = owners.of(device) if device is not None else None
    verdict.refused[refused:] = [_given(letter, sender, owners) for letter in verdict.refused[refused:]]
    came = verdict.accepted[accepted:]
    del verdict.accepted[accepted:]
    for index, one in enumerate(came):
        organisation = one.organisation if message.batch else sender  # the gateway has said whose its batches are
        try:
            owners.check(one, organisation)
        except InputError as error:
            verdict.refused.append(_refused(message, index, one, error, organisation))
            continue
        if not message.batch:
            wire.own(one, organisation)
        verdict.accepted.append(one)


def _refused(
    message: Input, index: int, one: AnyObservation, error: InputError, organisation: str | None
) -> DeadLetter:
    """Charged to nobody: who is not allowed to use a source shall not spoil its account."""
    letter = letter_of(message, BEHIND + index, wire.encode(one), error)
    return replace(letter, source=None, organisation=organisation)


def _given(letter: DeadLetter, organisation: str | None, owners: Owners) -> DeadLetter:
    """What names another organisation's source is charged to nobody."""
    source = letter.source if letter.source is None or owners.of(letter.source) == organisation else None
    return replace(letter, source=source, organisation=organisation)
