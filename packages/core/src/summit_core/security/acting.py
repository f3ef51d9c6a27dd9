"""On whose behalf the present task works, so that what reads the database cannot forget to ask.

Set where a service learns who calls (:func:`summit_core.security.service_key.caller`). Where nobody has said, there is
nobody, and nothing is there for nobody.
"""

from contextvars import ContextVar
from typing import Final

from summit_core.model import Principal
from summit_core.security.decision import Scope

NOBODY: Final = Scope("")
_acting: ContextVar[Scope] = ContextVar("acting", default=NOBODY)


def act_for(principal: Principal) -> None:
    """From now on this task works for ``principal``."""
    _acting.set(Scope.of(principal))


def acting() -> Scope:
    """What there is for whom this task works."""
    return _acting.get()
