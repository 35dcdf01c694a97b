#!/usr/bin/env python3
"""Measures the analyses beside their references; see README.md beside this file."""

import argparse
import os
import pathlib
import platform
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "wire"))

import accuracy
import kernels
import monitor
import online
import pelt
import populations
import prediction
import sql

SECTIONS = {
    "pelt": pelt.run,
    "accuracy": accuracy.run,
    "online": online.run,
    "populations": populations.run,
    "prediction": prediction.run,
    "sql": sql.run,
    "monitor": monitor.run,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="all if none is named")
    parser.add_argument("--cvx", required=True, help="the server's binary")
    parser.add_argument("--kernels", required=True, help="the binary `kernels` of benches")
    parser.add_argument("--peps", help="peps.parquet")
    args = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} processors")
    with kernels.Kernels(args.kernels) as ours:
        for name in args.sections or SECTIONS:
            SECTIONS[name](ours, args)


if __name__ == "__main__":
    main()
