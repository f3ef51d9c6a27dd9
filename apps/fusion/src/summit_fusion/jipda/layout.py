"""Where things stand in the arrays of the tracks (struct of arrays: one row a track, one array a kind of value).

``mean[i, m]`` is (east, north, v-east, v-north) of model m in metres and metres a second of the local frame;
``cov[i, m]`` holds the ten different entries of its symmetric covariance in this order.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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
        )

    def make_room(self, more: int) -> None:
        """Room for ``more`` tracks beyond ``count``."""
        have, need = len(self.cruise), self.count + more
        if need > have:
            for name in COLUMNS:
                old = getattr(self, name)
                new = np.zeros((max(need, 2 * have), *old.shape[1:]), old.dtype)
                new[: self.count] = old[: self.count]
                setattr(self, name, new)

    def copy(self) -> "Arrays":
        """The tracks alone, without the room."""
        kept = {name: getattr(self, name)[: self.count].copy() for name in COLUMNS}
        return Arrays(**kept, count=self.count)


COLUMNS: Final = tuple(f.name for f in fields(Arrays) if f.name != "count")
