"""pgvector's own Python tests, unmodified, against a running server.

    python pgvector_suite.py PORT [CACHE]

Fetches the source package of pgvector from PyPI (kept in CACHE) and runs its test files of the
drivers with pytest. The package ships the tests without their conftest; the one here says whether
numpy is there, as theirs does, and tells pg8000 the port, which reads no environment.

What may fail is in pgvector_expected.txt, a test and a reason a line: at most one test in twenty.
A test that is listed and passes is an error too, unless its reason begins
with "sometimes". Exit 77 means that something could not be had.
"""

import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as xml
from collections import Counter
from pathlib import Path

VERSION = "0.5.1"
FILES = [
    "test_psycopg.py",
    "test_psycopg2.py",
    "test_asyncpg.py",
    "test_pg8000.py",
    "test_sqlalchemy.py",
    "test_django.py",
]
NEEDED = ["psycopg", "psycopg_pool", "psycopg2", "asyncpg", "pg8000", "sqlalchemy", "django"]
NEEDED += ["pytest", "pytest_asyncio", "numpy"]
DATABASE = "pgvector_python_test"
SHARE_MAX = 0.05

CONFTEST = '''
import os

try:
    import numpy
except ImportError:
    numpy = None

try:
    import pg8000.core as core
    initialize = core.CoreConnection.__init__
    port = int(os.environ["PGPORT"])
    initialize.__defaults__ = tuple(port if v == 5432 else v for v in initialize.__defaults__)
    import pg8000.dbapi, pg8000.legacy, pg8000.native
    for function in (pg8000.connect, pg8000.dbapi.connect, pg8000.dbapi.Connection.__init__,
                     pg8000.legacy.connect, pg8000.legacy.Connection.__init__,
                     pg8000.native.Connection.__init__):
        if function.__defaults__:
            function.__defaults__ = tuple(port if v == 5432 else v for v in function.__defaults__)
except ImportError:
    pass
'''


def skip(why: str) -> None:
    print(f"skipped: {why}")
    sys.exit(77)


def sources(cache: Path) -> Path:
    """The unpacked source package."""
    folder = cache / f"pgvector-{VERSION}"
    if not (folder / "tests").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"]
        fetched = subprocess.run([*pip, "pgvector", f"pgvector=={VERSION}", "-d", str(cache)])
        archive = cache / f"pgvector-{VERSION}.tar.gz"
        if fetched.returncode != 0 or not archive.exists():
            skip("the source package of pgvector could not be fetched")
        with tarfile.open(archive) as tar:
            tar.extractall(cache, filter="data")
    return folder


def expected() -> dict[str, str]:
    """The tests that may fail, with their reasons."""
    lines = (Path(__file__).parent / "pgvector_expected.txt").read_text().splitlines()
    pairs = [line.split(None, 1) for line in lines if line.strip() and not line.startswith("#")]
    return {name: reason for name, reason in pairs}


def run(folder: Path, port: str) -> Path:
    """Runs each file in a process of its own, for they register types for the whole process."""
    tests = folder / "tests"
    (tests / "__init__.py").touch()
    (tests / "conftest.py").write_text(CONFTEST)
    env = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "cvx", "LOGNAME": "cvx", "USER": "cvx"}
    env |= {"PGDATABASE": DATABASE, "PYTHONPATH": str(folder), "PGCONNECT_TIMEOUT": "10"}
    reports = folder / "reports"
    reports.mkdir(exist_ok=True)
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"]
    for name in FILES:
        report = reports / f"{name}.xml"
        report.unlink(missing_ok=True)
        log = (reports / f"{name}.log").open("w")
        command = [*pytest, f"--junitxml={report}", f"tests/{name}"]
        subprocess.run(command, cwd=folder, env=env, stdout=log, stderr=log)
    return reports


def outcomes(reports: Path) -> dict[str, str]:
    """passed, failed or skipped, by test."""
    found = {}
    for name in FILES:
        report = reports / f"{name}.xml"
        if not report.exists():
            found[f"{name}::collection"] = "failed"
            continue
        for case in xml.parse(report).iter("testcase"):
            kinds = {child.tag for child in case}
            outcome = "failed" if kinds & {"failure", "error"} else "passed"
            outcome = "skipped" if "skipped" in kinds else outcome
            klass = case.get("classname", "").split(".")[-1]
            found[f"{name}::{klass}::{case.get('name')}".replace(" ", "_")] = outcome
    return found


def judge(found: dict[str, str], reports: Path) -> int:
    """Prints the count of each file and what is not as the list says."""
    allowed = expected()
    for name in FILES:
        count = Counter(o for test, o in found.items() if test.startswith(f"{name}::"))
        print(f"{name:22} {count['passed']:4} passed {count['failed']:3} failed")
    failed = {test for test, outcome in found.items() if outcome == "failed"}
    unexpected = sorted(failed - allowed.keys())
    for test in unexpected:
        print(f"FAILED and not expected: {test}")
    surely = [test for test, reason in allowed.items() if not reason.startswith("sometimes")]
    stale = sorted(test for test in surely if found.get(test) != "failed")
    for test in stale:
        print(f"listed, but it does not fail: {test}")
    share = len(failed) / max(1, len(found))
    print(f"{len(found)} checks, {len(failed)} failed ({share:.1%}); logs in {reports}")
    return int(bool(unexpected or stale or share > SHARE_MAX or len(found) < 200))


def main() -> int:
    port = sys.argv[1]
    missing = []
    for name in NEEDED:
        try:
            __import__(name)
        except ImportError:
            missing.append(name)
    if missing:
        skip(f"these modules are not here: {', '.join(missing)}")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(home) / "cvx" / "pgvector"
    reports = run(sources(cache), port)
    return judge(outcomes(reports), reports)


if __name__ == "__main__":
    sys.exit(main())
