"""Hypotheses: which of a few targets near each other had which detection, judged over many scans at once.

Scan by scan a tracker must mix what it cannot decide. Afterwards it can be decided: the likeliest sequence of
assignments, found by keeping the best few after each scan (Reid, "An algorithm for tracking multiple targets", IEEE TAC
24 (1979); Cox and Hingorani, "An efficient implementation of Reid's multiple hypothesis tracking algorithm", IEEE PAMI
18 (1996)). The targets are known and few, so nothing begins or ends in it.

Row ``h * n + i`` of the states is target i of hypothesis h.
"""

import math

import numpy as np

from summit_fusion.compiled import inlined, kernel
from summit_fusion.jipda.gate import TWO_PI, innovate
from summit_fusion.jipda.layout import Floats, Ints
from summit_fusion.jipda.predict import mix, move
from summit_fusion.jipda.update import begin_mixture, collapse, condition

KEPT = 4
"""Hypotheses after each scan."""
HOPELESS = 3.5
"""One that is less likely than the best by exp(-5) is given up."""
CHILDREN = 512
"""Looked at in a scan; the rest of a crowd is left out."""
NOBODY = -1


@inlined
def proceed(mean: Floats, cov: Floats, cruise: Floats, row: int, dt: float, motion: Floats) -> None:
    """One row by ``dt`` seconds, in place; ``motion`` as `presets.motion_row`."""
    leave_cruise, leave_manoeuvre = 1.0 - math.exp(-dt / motion[2]), 1.0 - math.exp(-dt / motion[3])
    cruise[row] = mix(mean[row], cov[row], cruise[row], leave_cruise, leave_manoeuvre)
    move(mean[row, 0], cov[row, 0], dt, motion[0])
    move(mean[row, 1], cov[row, 1], dt, motion[1])


@inlined
def density(mean: Floats, cov: Floats, row: int, m: int, z: Floats, noise: Floats, lag: Floats, j: int) -> float:
    """Of detection j under model m of a row, a square metre."""
    distance, det = innovate(mean, cov, row, m, z, noise, lag, j)
    return math.exp(-0.5 * distance) / (TWO_PI * math.sqrt(det))


@inlined
def take(
    mean: Floats, cov: Floats, cruise: Floats, row: int, z: Floats, noise: Floats, lag: Floats, j: int,
    shift: Floats, moment: Floats,
) -> None:  # fmt: skip
    """Update one row with detection j, in place."""
    first, second = density(mean, cov, row, 0, z, noise, lag, j), density(mean, cov, row, 1, z, noise, lag, j)
    for m in range(2):
        begin_mixture(cov, row, m, 0.0, shift, moment)
        condition(mean, cov, row, m, z, noise, lag, j, 1.0, shift, moment)
        collapse(mean, cov, row, m, shift, moment, 1.0)
    both = cruise[row] * first + (1.0 - cruise[row]) * second
    if both > 0.0:
        cruise[row] *= first / both


@kernel
def ways(
    score: Floats, here: Ints, options: int, weight: float, least: float, found: Ints, weights: Floats, used: int,
    digit: Ints, total: Floats, peak: Floats,
) -> int:  # fmt: skip
    """Write all ways in which the targets that are ``here`` can have the detections, each of these one target at most,
    that weigh at least ``least``, behind the first ``used`` of ``found``; returns how many there are then.

    ``score`` (targets, 1 + detections): logarithms, those of a miss first. The rest is room; ``total[k]`` is the most
    that the choices of those before k allow."""
    targets = len(here)
    digit[0], total[0], k = -1, weight, 0
    for i in range(targets):
        peak[i] = 0.0
        if here[i]:
            peak[i] = score[i, 0]
            for o in range(1, 1 + options):
                peak[i] = max(peak[i], score[i, o])
        total[0] += peak[i]
    while k >= 0:
        digit[k] += 1
        if digit[k] > (options if here[k] else 0):
            k -= 1
            continue
        free = True
        for before in range(k):
            free &= digit[k] == 0 or digit[before] != digit[k]
        total[k + 1] = total[k] + (score[k, digit[k]] - peak[k] if here[k] else 0.0)
        if not free or total[k + 1] < least:
            continue
        if k < targets - 1:
            k += 1
            digit[k] = -1
        elif used < len(weights):
            for i in range(targets):
                found[used, i] = digit[i]
            weights[used] = total[targets]
            used += 1
    return used


@kernel
def select(weights: Floats, used: int, kept: Ints) -> int:
    """Write the numbers of the likeliest of the first ``used`` to ``kept``, best first; returns how many. No more than
    there is room for, and none that is hopeless. Takes ``weights`` apart."""
    best, count = -math.inf, 0
    while count < len(kept):
        top = 0
        for k in range(used):
            if weights[k] > weights[top]:
                top = k
        if count == 0:
            best = weights[top]
        if not weights[top] >= best - HOPELESS or weights[top] == -math.inf:
            break
        kept[count] = top
        weights[top] = -math.inf
        count += 1
    return count


@inlined
def rate(
    mean: Floats, cov: Floats, cruise: Floats, row: int, z: Floats, noise: Floats, lag: Floats, j: int, odds: float
) -> float:
    """Logarithm of ``odds`` times the density of detection j in a row."""
    p = cruise[row]
    fit = p * density(mean, cov, row, 0, z, noise, lag, j) + (1.0 - p) * density(mean, cov, row, 1, z, noise, lag, j)
    return math.log(max(fit * odds, 1e-300))


@kernel
def follow(
    mean: Floats, cov: Floats, cruise: Floats, joins: Ints, times: Floats, detect: Floats, first: Ints, odds: Floats,
    z: Floats, noise: Floats, lag: Floats, motion: Floats, calm: float,
) -> Ints:  # fmt: skip
    """The likeliest assignment (scans, targets): rows of ``z``, or -1. From the time ``calm`` on it ends as soon as
    only one hypothesis is left.

    ``mean`` (n, 2, 4), ``cov`` (n, 2, 10), ``cruise`` (n,): each target as predicted to scan ``joins``, at which it
    comes in. Of scan s: its time, with which probability each target is seen (``detect`` (scans, n), 0: nobody looked),
    and its detections first[s] to first[s + 1] with ``odds``: their densities times these are the odds of "this target"
    against "something else"."""
    scans, n, s = len(times), len(joins), 0
    now_m, now_c, now_p = np.empty((KEPT * n, 2, 4)), np.empty((KEPT * n, 2, 10)), np.empty(KEPT * n)
    new_m, new_c, new_p = np.empty((KEPT * n, 2, 4)), np.empty((KEPT * n, 2, 10)), np.empty(KEPT * n)
    now_m[:n], now_c[:n], now_p[:n] = mean, cov, cruise
    weight, live, kept = np.zeros(KEPT), 1, np.empty(KEPT, np.int64)
    chosen, parent = np.full((scans, KEPT, n), NOBODY), np.zeros((scans, KEPT), np.int64)
    found, weights, owner = np.empty((CHILDREN, n), np.int64), np.empty(CHILDREN), np.empty(CHILDREN, np.int64)
    most = np.diff(first).max()
    score, here, digit, total = np.empty((n, 1 + most)), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n + 1)
    peak = np.empty(n)
    shift, moment = np.empty(4), np.empty(10)
    while s < scans and not (live == 1 and s > 0 and times[s - 1] >= calm):
        options, used, best = first[s + 1] - first[s], 0, -math.inf
        for i in range(n):
            here[i] = joins[i] <= s and detect[s, i] > 0.0
        for h in range(live):
            for i in range(n):
                row = h * n + i
                if joins[i] < s:
                    proceed(now_m, now_c, now_p, row, times[s] - times[s - 1], motion)
                if here[i]:
                    score[i, 0] = math.log(1.0 - detect[s, i])
                    for o in range(options):
                        j = first[s] + o
                        score[i, 1 + o] = rate(now_m, now_c, now_p, row, z, noise, lag, j, odds[j] * detect[s, i])
            before = used
            used = ways(score, here, options, weight[h], best - HOPELESS, found, weights, used, digit, total, peak)
            for k in range(before, used):
                owner[k] = h
                best = max(best, weights[k])
        total_of = weights[:used].copy()
        live = select(weights, used, kept)
        for k in range(live):
            h, to = owner[kept[k]], k * n
            parent[s, k], weight[k] = h, total_of[kept[k]] - best
            new_m[to : to + n], new_c[to : to + n] = now_m[h * n : h * n + n], now_c[h * n : h * n + n]
            new_p[to : to + n] = now_p[h * n : h * n + n]
            for i in range(n):
                if found[kept[k], i] > 0:
                    j = first[s] + found[kept[k], i] - 1
                    chosen[s, k, i] = j
                    take(new_m, new_c, new_p, to + i, z, noise, lag, j, shift, moment)
        now_m, now_c, now_p, new_m, new_c, new_p = new_m, new_c, new_p, now_m, now_c, now_p
        s += 1
    way, k = np.empty((s, n), np.int64), 0
    for s in range(len(way) - 1, -1, -1):
        way[s] = chosen[s, k]
        k = parent[s, k]
    return way
