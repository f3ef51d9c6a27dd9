"""``If-Match`` (RFC 9110, section 13.1.1): a change is made only to what the person saw."""

import re

from msgspec import Struct
from summit_core.errors import PreconditionError, PreconditionMissingError

_tag = re.compile(r'(?<![\w/])"(\d{1,19})"')


class Condition(Struct, frozen=True):
    """The versions that the person accepts; None is any (``*``)."""

    versions: frozenset[int] | None

    @classmethod
    def parse(cls, header: str | None) -> "Condition | None":
        """None where there is no header. A weak tag (``W/"5"``) matches nothing, as the RFC says."""
        if header is None:
            return None
        if header.strip() == "*":
            return cls(None)
        return cls(frozenset(map(int, _tag.findall(header))))

    def check(self, key: str, *, by_people: int, version: int) -> None:
        """Raise :class:`PreconditionError` unless the person saw the last word of people on this entity.

        What an automatic wrote since then does not count: it moves every second and cannot touch what people say, so
        a form that was open for a minute would otherwise never be saved.
        """
        if self.versions is not None and not any(by_people <= seen <= version for seen in self.versions):
            raise PreconditionError(f'If-Match: {key} was changed since; read it again, its ETag is now "{version}"')


def required(condition: Condition | None) -> Condition:
    """Raise :class:`PreconditionMissingError` where the caller named no version."""
    if condition is None:
        raise PreconditionMissingError("If-Match: send the ETag of the version that you saw, or * for whatever it is")
    return condition
