"""Where things stand in the arrays of the tracks (struct of arrays: one row a track, one array a kind of value).

``mean[i, m]`` is (east, north, v-east, v-north) of model m in metres and metres a second of the local frame;
``cov[i, m]`` holds the ten different entries of its symmetric covariance in this order.
"""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from summit_fusion.compiled import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Marks = NDArray[np.bool_]
Records = NDArray[Any]

MODELS: Final = 2
XX, XY, YY, XU, XV, YU, YV, UU, UV, VV = range(10)
FULL: Final = np.array([[XX, XY, XU, XV], [XY, YY, YU, YV], [XU, YU, UU, UV], [XV, YV, UV, VV]])
"""The 4 x 4 matrix is ``packed[FULL]``."""


@dataclass(slots=True)
class Arrays:
    """All tracks; only the first ``count`` rows hold one."""

    mean: Floats
    cov: Floats
    cruise: Floats
    """Probability of the first model."""
    existence: Floats
    at: Floats
    """Time of the estimate, seconds."""
    hits: Ints
    id: Ints
    confirmed: Ints
    seen_at: Floats
    """Time of the last detection that was more likely its own than not."""
    born: Floats
    """Time of the scan it began in; with ``origin`` it orders the rows, whatever order the scans came in."""
    origin: Ints
    """Key of the detection it began at."""
    known: Records
    """What is known beside the motion (`evidence.record`): without a width until a scan first tells of such things."""
    count: int = 0

    @classmethod
    def empty(cls, capacity: int = 64) -> "Arrays":
        return cls(
            mean=np.zeros((capacity, MODELS, 4)),
            cov=np.zeros((capacity, MODELS, 10)),
            cruise=np.zeros(capacity),
            existence=np.zeros(capacity),
            at=np.zeros(capacity),
            hits=np.zeros(capacity, np.int64),
            id=np.zeros(capacity, np.int64),
            confirmed=np.zeros(capacity, np.int64),
            seen_at=np.zeros(capacity),
            born=np.zeros(capacity),
            origin=np.zeros(capacity, np.int64),
            known=np.zeros((capacity, 0)),
        )

    @property
    def tell_more(self) -> bool:
        """Whether something beside the motion is known of some track."""
        return self.known.ndim == 1

    def widen(self, record: np.dtype[Any]) -> None:
        """From now on more is known of the tracks; of those there are, nothing yet (zeros)."""
        if not self.tell_more:
            self.known = np.zeros(len(self.known), record)

    def make_room(self, more: int) -> None:
        """Room for ``more`` tracks beyond ``count``."""
        have, need = len(self.cruise), self.count + more
        if need > have:
            for name in COLUMNS:
                old = getattr(self, name)
                new = np.zeros((max(need, 2 * have), *old.shape[1:]), old.dtype)
                new[: self.count] = old[: self.count]
                setattr(self, name, new)

    def copy(self, room: int = 0) -> "Arrays":
        """The tracks, with room for some more."""
        copied = {}
        for name in COLUMNS:
            column = getattr(self, name)
            copied[name] = np.empty((self.count + room, *column.shape[1:]), column.dtype)
            copied[name][: self.count] = column[: self.count]
        return Arrays(**copied, count=self.count)

    def select(self, rows: Ints) -> "Arrays":
        """Some of the tracks, in the order of their birth."""
        born, origin = self.born[rows], self.origin[rows]
        if not in_order(born, origin):
            rows = rows[np.lexsort((origin, born))]
        return Arrays(**{name: getattr(self, name)[rows] for name in COLUMNS}, count=len(rows))

    def arrange(self, first: int = 0) -> None:
        """Put the rows from ``first`` on into the order of their birth, where they are not."""
        born, origin = self.born[first : self.count], self.origin[first : self.count]
        if not in_order(born, origin):
            order = np.lexsort((origin, born))
            for name in COLUMNS:
                getattr(self, name)[first : self.count] = getattr(self, name)[first : self.count][order]

    def replace(self, rows: Ints, fresh: "Arrays") -> None:
        """``fresh`` in the place of ``rows`` (ascending). The order of the rows is lost."""
        for one, other in ((self, fresh), (fresh, self)):
            if other.tell_more:
                one.widen(other.known.dtype)
        both = min(len(rows), fresh.count)
        more = fresh.count - both
        self.make_room(more)
        kept = np.delete(np.arange(self.count), rows[both:]) if len(rows) > both else None
        for name in COLUMNS:
            column, new = getattr(self, name), getattr(fresh, name)
            column[rows[:both]] = new[:both]
            column[self.count : self.count + more] = new[both : fresh.count]
        self.count += more
        if kept is not None:
            tail, holes = kept[kept >= len(kept)], rows[both:][rows[both:] < len(kept)]
            for name in COLUMNS:
                column = getattr(self, name)
                column[holes] = column[tail]
            self.count = len(kept)


@kernel
def in_order(first: Floats, second: Ints) -> bool:
    """Whether rows ascend by ``first`` and, where that is equal, by ``second``."""
    for k in range(1, len(first)):
        if first[k] < first[k - 1] or (first[k] == first[k - 1] and second[k] < second[k - 1]):
            return False
    return True


COLUMNS: Final = tuple(f.name for f in fields(Arrays) if f.name != "count")
OF_MOTION: Final = tuple(name for name in COLUMNS if name != "known")
"""What there is to move while nothing else is known."""
