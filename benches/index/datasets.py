"""Data sets with exact answers, from seeds: made once, kept as arrays that numpy and `neighbours` read.

base, ts (ascending), query, qts; gt (100 nearest); win_S and gt_S, stretches of time that keep a
share S of the rows; gt_comp, the ten nearest in meaning and time for every weight and scale.
"""

import numpy as np

YEAR = 365 * 86400 * 10**6
START = 1704067200 * 10**6
DAY = 86400e6
SHARES = (0.5, 0.1, 0.01, 0.001)
TAUS = (7, 30, 365)
ALPHAS = (1.0, 0.9, 0.75, 0.5, 0.25, 0.1, 0.0)
QUERIES = 1000
COMPOSITE_QUERIES = 200


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def clustered(rows, queries, seed=7, dim=768, clusters=1000, latent=256, local=32):
    """Clusters of uneven weight in local subspaces of a latent space, drifting over a year; half of them
    come in bursts, so that time and meaning go together."""
    rng = np.random.default_rng(seed)
    lift = np.linalg.qr(rng.standard_normal((dim, latent)))[0].astype(np.float32)
    spectrum = (1.0 / np.sqrt(1 + np.arange(latent) / 24)).astype(np.float32)
    centres = (rng.standard_normal((clusters, latent)) * spectrum).astype(np.float32)
    mean = (rng.standard_normal(latent) * 0.6 * spectrum).astype(np.float32)
    bases = (rng.standard_normal((clusters, latent, local)) / np.sqrt(latent)).astype(np.float32)
    spread = (1.0 / np.sqrt(1 + np.arange(local) / 8)).astype(np.float32)
    drift = (rng.standard_normal((clusters, latent)) * 0.25 * spectrum).astype(np.float32)
    weights = 1.0 / np.arange(1, clusters + 1) ** 0.6
    weights /= weights.sum()
    bursty, burst = rng.random(clusters) < 0.5, rng.random(clusters)
    width = 0.02 + 0.08 * rng.random(clusters)

    def make(count, rng):
        of = rng.choice(clusters, size=count, p=weights)
        t = rng.random(count)
        within = np.clip(burst[of] + width[of] * rng.standard_normal(count), 0, 1 - 1e-9)
        t = np.where(bursty[of], within, t)
        made = np.empty((count, dim), np.float32)
        for start in range(0, count, 20000):
            part = slice(start, min(count, start + 20000))
            offsets = rng.standard_normal((part.stop - start, local)).astype(np.float32) * spread
            place = mean + centres[of[part]] + drift[of[part]] * t[part, None].astype(np.float32)
            for cluster in np.unique(of[part]):
                mine = np.flatnonzero(of[part] == cluster)
                place[mine] += 0.8 * np.sqrt(latent / local) * offsets[mine] @ bases[cluster].T
            noise = 0.035 * rng.standard_normal((part.stop - start, dim)).astype(np.float32)
            made[part] = unit(place @ lift.T + noise)
        return made, (t * YEAR).astype(np.int64) + START

    base, ts = make(rows, np.random.default_rng(seed + 1))
    order = np.argsort(ts, kind="stable")
    return base[order], ts[order], *make(queries, np.random.default_rng(seed + 2))


def manifold(rows, queries, seed=7, dim=768, inner=24, features=512):
    """A smooth manifold of 24 dimensions without clusters, by random Fourier features."""
    rng = np.random.default_rng(seed)
    waves = (rng.standard_normal((inner, features)) * 0.22).astype(np.float32)
    phases = (rng.random(features) * 2 * np.pi).astype(np.float32)
    lift = (rng.standard_normal((features, dim)) / np.sqrt(features)).astype(np.float32)

    def make(count, rng):
        made = np.empty((count, dim), np.float32)
        for start in range(0, count, 20000):
            z = rng.standard_normal((min(count, start + 20000) - start, inner)).astype(np.float32)
            noise = 0.03 * rng.standard_normal((len(z), dim)).astype(np.float32)
            made[start : start + len(z)] = unit(np.cos(z @ waves + phases) @ lift + noise)
        return made, (rng.random(count) * YEAR).astype(np.int64) + START

    base, ts = make(rows, np.random.default_rng(seed + 1))
    return base, np.sort(ts), *make(queries, np.random.default_rng(seed + 2))


def gaussian(rows, queries, seed=7, dim=768):
    """Independent normal coordinates: no structure at all, the hard case."""
    rng = np.random.default_rng(seed)

    def make(count):
        made = np.empty((count, dim), np.float32)
        for start in range(0, count, 50000):
            block = rng.standard_normal((min(count, start + 50000) - start, dim), dtype=np.float32)
            made[start : start + len(block)] = unit(block)
        return made, (rng.random(count) * YEAR).astype(np.int64) + START

    base, ts = make(rows)
    return base, np.sort(ts), *make(queries)


def parquet(path, queries, seed=7):
    """Real vectors (doc_id, ts, embedding): some are taken out, and asked about."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path).sort_by("ts")
    vectors = table["embedding"].combine_chunks()
    vectors = unit(vectors.flatten().to_numpy().reshape(len(vectors), -1).astype(np.float32))
    ts = table["ts"].cast("int64").to_numpy()
    asked = np.zeros(len(ts), bool)
    asked[np.random.default_rng(seed).choice(len(ts), min(queries, len(ts) // 5), False)] = True
    return vectors[~asked], ts[~asked], vectors[asked], ts[asked]


def nearest(scores, k):
    """Places of the k greatest of each row, greatest first."""
    k = min(k, scores.shape[1])
    top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    return np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, 1), axis=1), 1)


def padded(places, k):
    out = np.full((places.shape[0], k), -1, np.int32)
    out[:, : places.shape[1]] = places
    return out


def save(folder, base, ts, query, qts, seed=7):
    """Writes a data set and its exact answers."""
    folder.mkdir(parents=True, exist_ok=True)
    query, qts = query[:QUERIES], qts[:QUERIES]
    arrays = {"base": base, "ts": ts, "query": query, "qts": qts}
    all_, by_share, composite = [], {share: [] for share in SHARES}, []
    rng = np.random.default_rng(seed + 3)
    for share in SHARES:
        width = max(10, int(len(base) * share))
        low = rng.integers(0, len(base) - width + 1, size=len(query))
        # From a moment to a moment, so that rows of one moment are all in or all out.
        low, high = ts[low], ts[low + width - 1]
        ends = [np.searchsorted(ts, low, "left"), np.searchsorted(ts, high, "right")]
        arrays[f"win_{share}"] = np.stack(ends, 1)
    for start in range(0, len(query), 100):
        part = slice(start, start + 100)
        scores = query[part] @ base.T
        all_.append(padded(nearest(scores, 100), 100))
        for share in SHARES:
            windows = arrays[f"win_{share}"][part]
            found = [w[0] + nearest(s[None, w[0] : w[1]], 10) for s, w in zip(scores, windows)]
            by_share[share].append(np.concatenate(found))
        if start < COMPOSITE_QUERIES:
            composite.append(composite_answers(scores, ts, qts[part]))
    arrays["gt"] = np.concatenate(all_)
    arrays["gt_comp"] = np.concatenate(composite, 1)
    for share in SHARES:
        arrays[f"gt_{share}"] = np.concatenate(by_share[share]).astype(np.int32)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array))
    (folder / "whole").touch()


def composite_answers(scores, ts, qts):
    """For each scale and weight, the ten nearest of each query."""
    away = np.abs(ts[None, :] - qts[:, None]) / DAY
    combined = (a * (1 - scores) + (1 - a) * away / tau for tau in TAUS for a in ALPHAS)
    return np.stack([least(distance, 10) for distance in combined])


def least(distances, k):
    """Places of the k smallest of each row; of equals the first, as there are many at one moment."""
    bounds = np.partition(distances, k - 1, axis=1)[:, k - 1]
    out = np.empty((len(distances), k), np.int32)
    for at, (row, bound) in enumerate(zip(distances, bounds)):
        near = np.flatnonzero(row <= bound)
        out[at] = near[np.argsort(row[near], kind="stable")][:k]
    return out


def ensure(root, name, rows, parquet_file):
    """The folder of a data set, made if it is not there whole; `None` if it cannot be."""
    folder = root / (name if name == "peps" else f"{name}-{rows}")
    if (folder / "whole").exists():
        return folder
    if name == "peps":
        if parquet_file is None or not parquet_file.exists():
            return None
        made = parquet(parquet_file, QUERIES)
    else:
        makers = {"clustered": clustered, "unclustered": manifold, "gaussian": gaussian}
        made = makers[name](rows, QUERIES)
    save(folder, *made)
    return folder
