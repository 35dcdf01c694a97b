"""Where, when and by what figures were made: what each page of them opens with."""

import datetime
import os
import pathlib
import platform
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: Rows of the pages that have no number in their names.
USUAL_ROWS = 200_000
#: Folders that cargo builds into.
PROFILES = ("debug", "release")


def about(binary, *words):
    """Command, commit, what was measured, machine and date, as a paragraph."""
    facts = [f"`{command()}`", commit()]
    if binary:
        facts.append(version(binary))
    facts += [*words, processor(), kernel()]
    facts.append(f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC")
    return textwrap.fill("; ".join(facts) + ".", 118, break_long_words=False, break_on_hyphens=False)


def version(binary):
    return subprocess.run([binary, "version"], capture_output=True, text=True, check=True).stdout.strip()


def command():
    """As it was typed, but folders and files by their own names: others have theirs elsewhere. Of a
    program its folder is told too, which is how it was built."""
    return " ".join([f"benches/index/{pathlib.Path(sys.argv[0]).name}", *map(short, sys.argv[1:])])


def short(word):
    path = pathlib.Path(word)
    if not path.is_absolute():
        return word
    if path.is_relative_to(ROOT):
        return str(path.relative_to(ROOT))
    return f"{path.parent.name}/{path.name}" if path.parent.name in PROFILES else path.name


def commit():
    """The commit of these scripts, and whether something but published figures was changed since."""
    try:
        head = git("rev-parse", "--short", "HEAD")
        dirty = git("status", "--porcelain", "--", ".", ":!docs/figures")
    except (OSError, subprocess.CalledProcessError):
        return "outside of a repository"
    return f"commit {head}" + (" + changes" if dirty else "")


def git(*words):
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def processor():
    told = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in told if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} processors"


def kernel():
    return f"{platform.system()} {platform.release().split('-')[0]}"


def page(name, rows, ending="md"):
    """The name of a page or drawing: pages of another number of rows say so."""
    return f"{name}.{ending}" if rows == USUAL_ROWS else f"{name}-{rows}.{ending}"
