"""The simulated commander of ``--auto-approve``: approves what is proposed, as any client of the public API could."""

import asyncio
import logging

from summit_core.errors import SummitError
from summit_core.model import TaskState
from summit_sdk import SummitClient

log = logging.getLogger("summit_sim")

LOOKS_EVERY_S = 0.5
REASON = "approved automatically by the commander of the demonstration"


async def approve_all(summit: SummitClient) -> None:
    """Approves each proposed task, for ever. It looks at what is rather than waits for what changes, so an answer that
    was lost, or a plan that changed in between, is simply met again."""
    while True:
        try:
            for task in await summit.tasks():
                if task.state is TaskState.PROPOSED:
                    await summit.approve(task, reason=REASON)
                    log.info("task approved", extra={"task": task.id, "asset": task.asset})
        except SummitError as error:
            log.warning("approval waits", extra={"code": error.code, "reason": error.detail})
        await asyncio.sleep(LOOKS_EVERY_S)
