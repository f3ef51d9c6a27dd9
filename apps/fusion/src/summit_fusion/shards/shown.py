"""What a shard shows: estimates on the earth, and why a track is what it is."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from summit_fusion.jipda.layout import Floats
from summit_fusion.shards.border import claimed
from summit_fusion.shards.ids import ulid
from summit_fusion.shards.region import Region
from summit_fusion.shards.scan import Explained, GeoEstimate

if TYPE_CHECKING:
    from summit_fusion.shards.shard import Shard

MOST_EXPLAINED = 50
COLUMNS = ("id", "lat", "lon", "velocity", "cov", "existence", "confirmed", "hits", "heard", "born")


def estimate_of(shard: "Shard", time: float) -> GeoEstimate:
    """The own tracks of all regions at one time, those of a region in the order of their birth."""
    others = claimed(shard)
    parts = [_of_region(region, time, others) for _, region in sorted(shard.regions.items()) if region.tracks.count]
    parts = [part for part in parts if len(part["id"])]
    if not parts:
        return _nobody(time)
    whole: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}
    more = {name: _joined([part["more"].get(name) for part in parts], parts) for name in _names(parts)}
    return GeoEstimate(time, [ulid(track) for track in whole.pop("id").tolist()], **whole, more=more)


def explanation_of(shard: "Shard", track_id: str) -> Explained | None:
    found = shard.find(track_id)
    if found is None:
        return None
    region, row = found
    edges = region.tracker.edges(int(region.tracks.id[row]))[:MOST_EXPLAINED]
    name = ulid(int(region.tracks.id[row]))
    seen = estimate_of(shard, shard.clock)
    more = {}
    if name in seen.id:
        more = {key: column[seen.id.index(name)] for key, column in seen.more.items()}
    return Explained(
        name,
        np.array([key for _, _, key, _ in edges], np.int64),
        [sensor for _, sensor, _, _ in edges],
        np.array([at for at, _, _, _ in edges]),
        np.array([share for _, _, _, share in edges]),
        more,
    )


def _of_region(region: Region, time: float, others: set[int]) -> dict[str, Any]:
    shown, rows, t = region.estimate(time)
    own = np.flatnonzero(region.own(shown.id) & ~np.isin(shown.id, list(others)))
    rows = rows[own]
    lat, lon, velocity, cov = region.outwards(shown.mean[own], shown.cov[own])
    more = {}
    if shown.knowledge is not None:
        more = {f.name: getattr(shown.knowledge, f.name)[own] for f in fields(shown.knowledge)}
    return {
        "id": shown.id[own], "lat": lat, "lon": lon, "velocity": velocity, "cov": cov,
        "existence": shown.existence[own], "confirmed": t.confirmed[rows] == 1, "hits": t.hits[rows],
        "heard": t.seen_at[rows], "born": t.born[rows], "more": more,
    }  # fmt: skip


def _names(parts: list[dict[str, Any]]) -> list[str]:
    return sorted({name for part in parts for name in part["more"]})


def _joined(columns: list[Any], parts: list[dict[str, Any]]) -> Any:
    """A column over all regions; one in which nobody ever told of such things knows nothing of its tracks."""
    like = next(column for column in columns if column is not None)
    unknown = np.nan if like.dtype.kind == "f" else 0
    filled = [
        np.full((len(part["id"]), *like.shape[1:]), unknown, like.dtype) if column is None else column
        for column, part in zip(columns, parts, strict=True)
    ]
    return np.concatenate(filled)


def _nobody(time: float) -> GeoEstimate:
    none: Floats = np.empty(0)
    return GeoEstimate(
        time, [], none, none, none.reshape(0, 2), none.reshape(0, 4, 4), none, none.astype(np.bool_),
        none.astype(np.int64), none, none,
    )  # fmt: skip
