"""How the kernel shares the processors among processes that wake each other all the time (ADR 0034)."""

import os


def take_turns() -> None:
    """Let this process, and what it starts, run to the end of its slice before another that was just woken (Linux,
    ``sched(7)``, SCHED_BATCH).

    By default each of our messages stops whoever is running: the gateway as it asks a service, the service as it asks
    the database, each by the threads of its own server. Elsewhere, and where it is not allowed, nothing changes.
    """
    if hasattr(os, "sched_setscheduler"):
        try:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        except PermissionError:  # by a seccomp profile: it costs more, and works
            return
