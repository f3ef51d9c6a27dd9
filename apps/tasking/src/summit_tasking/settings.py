"""Settings of tasking: how long each step of a task may take."""

from pydantic import Field
from summit_core.settings import ServiceSettings

from summit_tasking.plan.lifecycle import Deadlines


class Settings(ServiceSettings):
    """Read from the environment at start. All in seconds."""

    task_decide_s: float = Field(default=900.0, gt=0, description="from proposal to a person's decision")
    task_receive_s: float = Field(default=30.0, gt=0, description="from dispatch to received")
    task_accept_s: float = Field(default=10.0, gt=0, description="from received to accepted")
    task_start_s: float = Field(default=30.0, gt=0, description="from accepted to executing")
    task_work_factor: float = Field(default=1.5, ge=1, description="times the planned duration for the work itself")
    task_work_slack_s: float = Field(default=120.0, ge=0, description="and this much more")
    task_repeat_s: float = Field(default=2.0, gt=0, description="between dispatches until one is received")
    task_again_s: float = Field(default=900.0, ge=0, description="after a no or a failure, before proposing again")

    def deadlines(self) -> Deadlines:
        return Deadlines(
            decide_s=self.task_decide_s,
            receive_s=self.task_receive_s,
            accept_s=self.task_accept_s,
            start_s=self.task_start_s,
            work_factor=self.task_work_factor,
            work_slack_s=self.task_work_slack_s,
            repeat_s=self.task_repeat_s,
            again_s=self.task_again_s,
        )
