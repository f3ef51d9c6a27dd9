"""Life: tracks begin at detections that no track explains, are confirmed, and end when they hardly exist any more."""

from summit_fusion.compiled import kernel
from summit_fusion.jipda.layout import UU, VV, XX, XY, YY, Floats, Ints

UNEXPLAINED = 0.5


@kernel
def initiate(
    mean: Floats, cov: Floats, cruise: Floats, existence: Floats, at: Floats, hits: Ints, ids: Ints, confirmed: Ints,
    seen_at: Floats, count: int, z: Floats, noise: Floats, lag: Floats, time: float, alone: Floats, birth: Floats,
    next_id: int,
) -> int:  # fmt: skip
    """New tracks behind the first ``count``; returns how many there are now. ``alone``: probability of each detection
    that it is of no known track. ``birth``: existence, velocity variance of the first model (m2/s2),
    probability of it, velocity variance of the second."""
    for j in range(len(z)):
        if alone[j] <= UNEXPLAINED:
            continue
        for m in range(2):
            mean[count, m, 0], mean[count, m, 1] = z[j, 0], z[j, 1]
            mean[count, m, 2] = mean[count, m, 3] = 0.0
            cov[count, m, :] = 0.0
            speed = birth[1] if m == 0 else birth[3]
            spread = lag[j] * lag[j] * speed
            cov[count, m, XX], cov[count, m, XY] = noise[j, 0] + spread, noise[j, 1]
            cov[count, m, YY] = noise[j, 2] + spread
            cov[count, m, UU] = cov[count, m, VV] = speed
        cruise[count], at[count], hits[count] = birth[2], time, 1
        existence[count] = min(0.5, birth[0] * alone[j])
        ids[count], confirmed[count], seen_at[count] = next_id, 0, time + lag[j]
        next_id += 1
        count += 1
    return count


@kernel
def judge(
    existence: Floats, hits: Ints, confirmed: Ints, seen_at: Floats, start: Ints, share: Floats, time: float,
    thresholds: Floats, keep: Ints, count: int,
) -> int:  # fmt: skip
    """Count hits, confirm, and say in ``keep`` which rows live on; returns how many. Rows behind ``start`` are new.

    ``thresholds``: confirm, hits to confirm, delete tentative, delete confirmed."""
    alive = 0
    for i in range(count):
        if i < len(start) - 1:
            seen = share[start[i] : start[i + 1]].sum()
            if seen > 0.5:
                hits[i] += 1
                seen_at[i] = time
            if existence[i] > thresholds[0] and hits[i] >= thresholds[1]:
                confirmed[i] = 1
        if existence[i] >= (thresholds[3] if confirmed[i] else thresholds[2]):
            keep[alive] = i
            alive += 1
    return alive


@kernel
def compact(
    mean: Floats, cov: Floats, cruise: Floats, existence: Floats, at: Floats, hits: Ints, ids: Ints, confirmed: Ints,
    seen_at: Floats, born: Floats, origin: Ints, keep: Ints, alive: int,
) -> None:  # fmt: skip
    """Row ``keep[k]`` becomes row k (keep ascends), in place."""
    for k in range(alive):
        i = keep[k]
        if i == k:
            continue
        mean[k], cov[k], cruise[k], existence[k], at[k] = mean[i], cov[i], cruise[i], existence[i], at[i]
        hits[k], ids[k], confirmed[k], seen_at[k] = hits[i], ids[i], confirmed[i], seen_at[i]
        born[k], origin[k] = born[i], origin[i]
