"""The account of a replay: where each record of the file is now. The sum must come out."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Account:
    """``records = stored + duplicate + rejected`` when nothing was lost; ``missing`` was accepted and not stored."""

    recording: str
    format: str
    records: int = 0
    sent: int = 0
    accepted: int = 0
    stored: int = 0
    duplicate: int = 0
    missing: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    notes: Counter[str] = field(default_factory=Counter)

    def reject(self, reason: str, detail: str) -> None:
        """Count it, and keep the first of each reason as an example."""
        self.rejected[reason] += 1
        self.examples.setdefault(reason, detail)

    def settle(self, *, before: int, after: int, distinct: int) -> None:
        """From the counts of the store: what is new, what was there, what is not there.

        ``distinct`` is the number of different ids among the accepted; all of them must be stored in the end.
        """
        self.stored = after - before
        self.missing = max(0, distinct - after)
        self.duplicate = self.accepted - self.stored - self.missing

    @property
    def complete(self) -> bool:
        return self.stored + self.duplicate + self.rejected.total() == self.records and self.duplicate >= 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "recording": self.recording,
            "format": self.format,
            "records": self.records,
            "sent": self.sent,
            "accepted": self.accepted,
            "stored": self.stored,
            "duplicate": self.duplicate,
            "missing": self.missing,
            "rejected": self.rejected.total(),
            "rejected_by": dict(self.rejected),
            "seconds": round(self.seconds, 2),
            "rate_per_s": round(self.sent / self.seconds) if self.seconds else None,
            "complete": self.complete,
            **self.notes,
        }
