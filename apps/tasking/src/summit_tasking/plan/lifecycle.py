"""The states of a task as a table, and the deadline of each step."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from summit_core.model import Plan, TaskState

_S = TaskState
_ANSWERS: Final = (_S.RECEIVED, _S.ACCEPTED, _S.EXECUTING, _S.DONE, _S.REFUSED, _S.FAILED, _S.TIMED_OUT, _S.CANCELLED)

NEXT: Final[dict[TaskState, frozenset[TaskState]]] = {
    _S.PROPOSED: frozenset({_S.APPROVED, _S.REJECTED, _S.EXPIRED, _S.CANCELLED}),
    _S.APPROVED: frozenset({_S.DISPATCHED, _S.TIMED_OUT, _S.CANCELLED}),
    _S.DISPATCHED: frozenset(_ANSWERS),
    _S.RECEIVED: frozenset(_ANSWERS[1:]),
    _S.ACCEPTED: frozenset(_ANSWERS[2:]),
    _S.EXECUTING: frozenset(_ANSWERS[3:]),
    _S.DONE: frozenset(),
    _S.REJECTED: frozenset(),
    _S.REFUSED: frozenset(),
    _S.FAILED: frozenset(),
    _S.TIMED_OUT: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.CANCELLED: frozenset(),
}
"""An answer may overtake an earlier one (QoS 0, a lost message): later steps imply the earlier ones, nothing goes back.
A refusal after the work began comes as ``failed``; here both end the task."""

WITH_ASSET: Final = frozenset({_S.DISPATCHED, _S.RECEIVED, _S.ACCEPTED, _S.EXECUTING})
"""States in which the asset has been asked and has not ended it."""


def allowed(present: TaskState, wanted: TaskState) -> bool:
    return wanted in NEXT[present]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each step may take, seconds."""

    decide_s: float = 900.0
    receive_s: float = 30.0
    accept_s: float = 10.0
    start_s: float = 30.0
    work_factor: float = 1.5
    work_slack_s: float = 120.0
    repeat_s: float = 2.0
    again_s: float = 900.0
    """After a person said no, or an asset did not do it: before the same is proposed again."""

    def of(self, state: TaskState, plan: Plan) -> timedelta | None:
        """The longest stay in a state; None where a state has no end of its own."""
        seconds = {
            _S.PROPOSED: self.decide_s,
            _S.APPROVED: self.receive_s,
            _S.DISPATCHED: self.receive_s,
            _S.RECEIVED: self.accept_s,
            _S.ACCEPTED: self.start_s,
            _S.EXECUTING: plan.duration_s * self.work_factor + self.work_slack_s,
        }.get(state)
        return None if seconds is None else timedelta(seconds=seconds)
