"""Our kernels on arrays of numpy, and references under a limit of time."""

import json
import multiprocessing
import pathlib
import shutil
import subprocess
import tempfile
import time

import numpy as np


class Kernels:
    """Runs the binary `kernels`: one kernel, one array, one thread."""

    def __init__(self, binary):
        self.binary, self.folder = binary, pathlib.Path(tempfile.mkdtemp(prefix="cvx-kernels-"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def run(self, kernel, data, *options):
        """What the kernel says: `ms` is its own time, the best of its runs."""
        path = self.folder / "data.npy"
        np.save(path, np.ascontiguousarray(data, dtype=np.float32))
        command = [self.binary, kernel, path, *map(str, options)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)


def _child(pipe, work, arguments):
    began = time.perf_counter()
    answer = work(*arguments)
    pipe.send((answer, time.perf_counter() - began))


def limited(seconds, work, *arguments):
    """The answer of a function and the seconds it took, in a process of its own; none if it takes
    longer than it may."""
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_child, args=(theirs, work, arguments)
    )
    process.start()
    try:
        if ours.poll(seconds):
            return ours.recv()
        return None
    finally:
        process.kill()
        process.join()


def series(seed, points, dim, breaks, shift):
    """Unit noise; at each break the mean of every dimension moves by `shift`, up or down."""
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((points, dim), dtype=np.float32)
    spread = max(1, points // 20)
    places = [k * points // (breaks + 1) + int(rng.integers(spread)) for k in range(1, breaks + 1)]
    for place in places:
        data[place:] += (shift * rng.choice([-1, 1], dim)).astype(np.float32)
    return data, places


def f1(found, truth, tolerance):
    """Each break of the truth is found once at most."""
    if not found and not truth:
        return 1.0
    left, hits = list(found), 0
    for place in truth:
        near = [other for other in left if abs(other - place) <= tolerance]
        if near:
            left.remove(min(near, key=lambda other: abs(other - place)))
            hits += 1
    return 2 * hits / (len(found) + len(truth))
