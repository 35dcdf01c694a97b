"""Peers that run in this process: each is built once, kept as a file, and searched by one thread.

`build(base, ts)`, `save(path)`, `load(path, base)`, `set(effort)`, `find(query)`: the ten nearest by inner
product of unit vectors, which is cosine. `efforts` are in growing order. A peer that can be asked about a stretch
of time has `stretch(query, rows, moments)` too, which makes a question of both ends in rows and in moments, and
`within(*question)`, which is what takes time; one that is slow says in `queries` or `stretches` how many it is asked.
"""

import pathlib
import shutil
import sys
import tempfile

import numpy as np

#: One grid for all, half an octave apart; `benches/bin/neighbours` has the same.
EFFORTS = (10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 320)
HERE = pathlib.Path(__file__).resolve().parent


class Peer:
    efforts = EFFORTS

    def sizes(self, path, base):
        """Bytes of the index, and of all that a search reads."""
        return size(path), size(path)


class Hnswlib(Peer):
    name, stretches = "hnswlib M16 efc200", 50

    def __init__(self):
        import hnswlib

        self.module = hnswlib

    def build(self, base, ts):
        self.index = self.module.Index(space="ip", dim=base.shape[1])
        self.index.init_index(len(base), M=16, ef_construction=200, random_seed=1)
        self.index.add_items(base, np.arange(len(base)), num_threads=2)

    def save(self, path):
        self.index.save_index(str(path))

    def load(self, path, base):
        self.index = self.module.Index(space="ip", dim=base.shape[1])
        self.index.load_index(str(path))
        self.index.set_num_threads(1)

    def set(self, effort):
        self.index.set_ef(effort)

    def find(self, query):
        return self.index.knn_query(query, 10, num_threads=1)[0][0]

    def stretch(self, query, rows, moments):
        low, high = rows
        return query, lambda row: low <= row < high

    def within(self, query, is_in):
        try:
            return self.index.knn_query(query, 10, num_threads=1, filter=is_in)[0][0]
        except RuntimeError:
            # Fewer than ten: it has no way to say which.
            return []


class Faiss(Peer):
    """HNSW over 8-bit codes, or inverted lists of 1-bit codes whose best 50 are compared again."""

    stretches = 200

    def __init__(self, key):
        import faiss

        self.faiss, self.key = faiss, key
        self.name = f"faiss {key}"
        if key == "IVF RaBitQ":
            self.efforts = (2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128)

    def build(self, base, ts):
        self.faiss.omp_set_num_threads(2)
        product = self.faiss.METRIC_INNER_PRODUCT
        if self.key == "IVF RaBitQ":
            lists = int(4 * np.sqrt(len(base)))
            key = f"RR{base.shape[1]},IVF{lists},RaBitQ"
            self.index = self.faiss.index_factory(base.shape[1], key, product)
            self.inverted().cp.niter = 8
        else:
            self.index = self.faiss.index_factory(base.shape[1], self.key, product)
            self.faiss.downcast_index(self.index).hnsw.efConstruction = 200
        self.index.train(base[:100_000])
        self.index.add(base)

    def inverted(self):
        return self.faiss.extract_index_ivf(self.index)

    def save(self, path):
        self.faiss.write_index(self.index, str(path))

    def load(self, path, base):
        self.index, self.base = self.faiss.read_index(str(path)), base

    def set(self, effort):
        self.faiss.omp_set_num_threads(1)
        self.effort = effort
        if self.key == "IVF RaBitQ":
            self.inverted().nprobe = effort
        else:
            self.faiss.downcast_index(self.index).hnsw.efSearch = effort

    def find(self, query):
        return self.within(query, None)

    def stretch(self, query, rows, moments):
        selector = self.faiss.IDSelectorRange(*map(int, rows))
        if self.key != "IVF RaBitQ":
            return query, self.faiss.SearchParametersHNSW(sel=selector, efSearch=self.effort)
        lists = self.faiss.SearchParametersIVF(sel=selector, nprobe=self.effort)
        return query, self.faiss.SearchParametersPreTransform(index_params=lists)

    def within(self, query, params):
        if self.key != "IVF RaBitQ":
            return self.index.search(query[None], 10, params=params)[1][0]
        found = self.index.search(query[None], 50, params=params)[1][0]
        found = found[found >= 0]
        return found[np.argsort(-(self.base[found] @ query))[:10]]

    def sizes(self, path, base):
        """The lists hold codes only, and the rows are read from their array."""
        return size(path), size(path) + (base.nbytes if self.key == "IVF RaBitQ" else 0)


class Usearch(Peer):
    def __init__(self, dtype):
        from usearch.index import Index

        self.Index, self.dtype, self.name = Index, dtype, f"usearch {dtype} M16 efc128"

    def make(self, dim):
        metric = "cos" if self.dtype == "i8" else "ip"
        return self.Index(
            ndim=dim, metric=metric, dtype=self.dtype, connectivity=16, expansion_add=128
        )

    def build(self, base, ts):
        self.index = self.make(base.shape[1])
        self.index.add(np.arange(len(base)), base, threads=2)

    def save(self, path):
        self.index.save(str(path))

    def load(self, path, base):
        self.index = self.make(base.shape[1])
        self.index.load(str(path))

    def set(self, effort):
        self.index.expansion_search = effort

    def find(self, query):
        return self.index.search(query, 10, threads=1).keys


class SymphonyQG(Peer):
    name = "SymphonyQG R32 (rabitqlib)"

    def __init__(self):
        import rabitqlib

        self.module = rabitqlib

    def build(self, base, ts):
        self.index = self.module.SymqgIndex(base.shape[1], 32, "l2", 0)
        self.index.build(base, 200, num_threads=2)

    def save(self, path):
        self.index.save(str(path))

    def load(self, path, base):
        self.index = self.module.SymqgIndex.load(str(path))

    def set(self, effort):
        self.effort = effort

    def find(self, query):
        first, second = self.index.search(query[None], 10, self.effort, num_threads=1)
        ids = first if np.asarray(first).dtype.kind in "iu" else second
        return np.asarray(ids)[0]


class Svs(Peer):
    """Vamana over half floats. The LVQ codes of the library work on Intel's processors only."""

    name = "SVS Vamana R32 f16"

    def __init__(self):
        import svs

        self.module = svs

    def build(self, base, ts):
        how = self.module.VamanaBuildParameters(
            graph_max_degree=32, window_size=128, alpha=0.95
        )
        product = self.module.DistanceType.MIP
        self.index = self.module.Vamana.build(
            how, base.astype(np.float16), product, num_threads=2
        )

    def save(self, path):
        parts = [pathlib.Path(path) / part for part in ("config", "graph", "data")]
        shutil.rmtree(path, ignore_errors=True)
        for part in parts:
            part.mkdir(parents=True)
        self.index.save(*map(str, parts))

    def load(self, path, base):
        config, graph, data = (str(pathlib.Path(path) / p) for p in ("config", "graph", "data"))
        svs = self.module
        self.index = svs.Vamana(
            config,
            svs.GraphLoader(graph),
            svs.VectorDataLoader(data, svs.DataType.float16),
            svs.DistanceType.MIP,
            num_threads=1,
        )

    def set(self, effort):
        self.index.search_window_size = effort

    def find(self, query):
        return self.index.search(query[None], 10)[0][0]


class Lance(Peer):
    """LanceDB over its Python interface: a table on disk, read by threads of its own, with one graph
    over bytes whose best thirty are compared again, and an index of the times."""

    name, queries = "LanceDB IVF_HNSW_SQ", 200
    efforts = (30, 42, 60, 85, 120, 170, 240, 339, 480)

    def __init__(self):
        # It would take the module `datasets` of this folder for another of that name.
        ours, path = sys.modules.pop("datasets", None), sys.path.copy()
        sys.path[:] = [place for place in path if pathlib.Path(place or ".").resolve() != HERE]
        try:
            import lancedb
            import pyarrow
        finally:
            sys.path[:] = path
            if ours is not None:
                sys.modules["datasets"] = ours
        self.module, self.arrow = lancedb, pyarrow

    def build(self, base, ts):
        self.folder = tempfile.mkdtemp(prefix="lance")
        pa, kind = self.arrow, self.arrow.list_(self.arrow.float32(), base.shape[1])
        schema = pa.schema({"id": pa.int64(), "ts": pa.int64(), "v": kind})
        batches = self.batches(base, ts, schema)
        table = self.module.connect(self.folder).create_table("t", batches, schema=schema)
        table.create_index(
            metric="dot", vector_column_name="v", index_type="IVF_HNSW_SQ", num_partitions=1, m=16,
            ef_construction=200,
        )
        table.create_scalar_index("ts")

    def batches(self, base, ts, schema, step=20_000):
        """Rows without a copy of all."""
        pa = self.arrow
        for start in range(0, len(base), step):
            part = slice(start, min(len(base), start + step))
            flat = pa.array(np.ascontiguousarray(base[part]).reshape(-1))
            vectors = pa.FixedSizeListArray.from_arrays(flat, type=schema.field("v").type)
            ids = pa.array(np.arange(part.start, part.stop))
            yield pa.record_batch([ids, pa.array(np.array(ts[part])), vectors], schema=schema)

    def save(self, path):
        shutil.rmtree(path, ignore_errors=True)
        shutil.move(self.folder, path)

    def load(self, path, base):
        self.table = self.module.connect(str(path)).open_table("t")

    def set(self, effort):
        self.effort = effort

    def asked(self, query):
        found = self.table.search(query, vector_column_name="v").distance_type("dot")
        return found.nprobes(1).ef(self.effort).refine_factor(3).limit(10).select(["id", "_distance"])

    def find(self, query):
        return self.asked(query).to_arrow()["id"].to_numpy()

    def sizes(self, path, base):
        """The table has the rows, of which some are compared again."""
        return size(pathlib.Path(path) / "t.lance" / "_indices"), size(path)

    def stretch(self, query, rows, moments):
        return query, *moments

    def within(self, query, low, high):
        kept = self.asked(query).where(f"ts >= {low} AND ts <= {high}", prefilter=True)
        return kept.to_arrow()["id"].to_numpy()


MAKERS = {
    "hnswlib": Hnswlib,
    "faiss-hnsw-sq8": lambda: Faiss("HNSW16_SQ8"),
    "faiss-ivf-rabitq": lambda: Faiss("IVF RaBitQ"),
    "usearch-bf16": lambda: Usearch("bf16"),
    "usearch-i8": lambda: Usearch("i8"),
    "symphonyqg": SymphonyQG,
    "svs": Svs,
    "lancedb": Lance,
}


def size(path):
    """Bytes of a file, or of all files of a folder."""
    path = pathlib.Path(path)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
