"""W3C Trace Context (level 2): which trace the work at hand belongs to, through HTTP, the bus and the logs. Pure."""

import random
import re
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Final, NamedTuple

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
MAX_STATE: Final = 512
"""Characters of ``tracestate`` that must be passed on (section 3.3.1.5); what is longer is left out as a whole."""
KEPT: Final = 4096
_header = re.compile(r"^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$")


class Trace(NamedTuple):
    """One span of a trace: ours, once we have begun it."""

    trace_id: str
    span_id: str
    flags: str = "01"
    state: str = ""

    def header(self) -> str:
        """As ``traceparent``."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current() -> Trace | None:
    """The trace of the work at hand; None outside one."""
    return _current.get()


def set_current(trace: Trace | None) -> None:
    _current.set(trace)


def traceparent() -> str | None:
    """The header of the work at hand; None outside a trace."""
    trace = _current.get()
    return None if trace is None else trace.header()


def begun(parent: Trace | None) -> Trace:
    """A new span: of the trace that the caller is in, or of a new one."""
    span_id = f"{random.getrandbits(64) or 1:016x}"
    if parent is None:
        return Trace(f"{random.getrandbits(128) or 1:032x}", span_id)
    return Trace(parent.trace_id, span_id, parent.flags, parent.state)


def parse(header: str | None, state: str = "") -> Trace | None:
    """What a caller stated; None when it is not valid, which begins a new trace (section 3.2.2.5)."""
    found = _header.match(header) if header else None
    if found is None or (found[1] == "00" and found[5] is not None):
        return None
    return Trace(found[2], found[3], found[4], state if len(state) <= MAX_STATE else "")


class Traces:
    """The traces of the last observations that named one, so that what is concluded from them goes on with it.

    Most observations name none: then nothing is kept, and asking costs one look at an empty dictionary.
    """

    def __init__(self) -> None:
        self._of: dict[str, str] = {}

    def note(self, observation: str, trace: str) -> None:
        self._of[observation] = trace
        if len(self._of) > KEPT:
            del self._of[next(iter(self._of))]

    def of(self, causes: Iterable[str]) -> str | None:
        """The trace of the latest of the causes that has one."""
        if not self._of:
            return None
        return next((self._of[cause] for cause in reversed(tuple(causes)) if cause in self._of), None)
