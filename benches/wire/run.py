#!/usr/bin/env python3
"""Measures the server as a client sees it; see README.md beside this file."""

import argparse
import os
import platform
import subprocess

import copy_in
import exact
import insert
import memory
import start
import stopping
import system_time
import trajectory

SECTIONS = {
    "insert": insert.run,
    "copy": copy_in.run,
    "exact": exact.run,
    "trajectory": trajectory.run,
    "start": start.run,
    "memory": memory.run,
    "system_time": system_time.run,
}

# Of docs/guarantees.md: only where they are named.
GUARANTEES = {"stopping": stopping.run}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, *GUARANTEES, []], help="all if none is named")
    parser.add_argument("--cvx", required=True, help="the server's binary")
    args = parser.parse_args()
    version = subprocess.run([args.cvx, "version"], capture_output=True, text=True, check=True)
    print(f"{version.stdout.strip()}; {platform.machine()}, {os.cpu_count()} processors")
    for name in args.sections or SECTIONS:
        (SECTIONS | GUARANTEES)[name](args.cvx)


if __name__ == "__main__":
    main()
