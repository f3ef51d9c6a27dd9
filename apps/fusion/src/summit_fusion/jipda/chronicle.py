"""Chronicle: which detections each track was made of, for those who look back on a whole recording."""

import numpy as np

from summit_fusion.jipda.layout import Floats, Ints
from summit_fusion.jipda.life import UNEXPLAINED
from summit_fusion.jipda.scan import Detections
from summit_fusion.jipda.smooth import History
from summit_fusion.jipda.tracker import Absorbed

OWN = 0.5
"""A detection that is more likely of a track than not is its own."""


class Chronicle:
    def __init__(self) -> None:
        self._ids: list[Ints] = []
        self._rows: list[Floats] = []

    def note(self, scan: Detections, done: Absorbed | None) -> None:
        """A scan and what became of it."""
        if done is None:
            return
        own, begun = done.share > OWN, np.flatnonzero(done.alone > UNEXPLAINED)
        seen = np.concatenate([done.edges[own], begun])
        self._ids.append(np.concatenate([np.repeat(done.ids, np.diff(done.start))[own], done.born]))
        self._rows.append(np.column_stack([scan.at[seen], scan.z[seen], scan.noise[seen]]))

    def histories(self) -> dict[int, History]:
        """By the id of the track. Of two detections at the same time both are kept."""
        if not self._ids:
            return {}
        ids, rows = np.concatenate(self._ids), np.concatenate(self._rows)
        order = np.lexsort((rows[:, 0], ids))
        ids, rows = ids[order], rows[order]
        starts = np.flatnonzero(np.diff(ids, prepend=-1))
        pieces = np.split(rows, starts[1:])
        return {
            int(key): History(piece[:, 0], piece[:, 1:3], piece[:, 3:])
            for key, piece in zip(ids[starts], pieces, strict=True)
        }
