"""What tests in Python do about tools that a machine may lack: they are skipped, which CI must not overlook."""

import os
import shutil
import subprocess
import sys

SKIPPED = 77  # the exit status that CTest is told to take for "skipped"


def need(program, package):
    """The path of a program; without it there is no test. Daemons are where not everybody's PATH leads."""
    path = shutil.which(program, path=os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin")
    if not path:
        skip(f"{program} is missing; to have it: {package}")
    return path


def fetch(command, folder):
    """Runs a command that gets what a registry has, as pinned in the sources."""
    done = subprocess.run(command, cwd=folder)
    if done.returncode:
        skip(f"{command[0]} {command[1]} failed in {folder}: no network, or too old a version")


def skip(reason):
    in_ci = os.environ.get("CI") == "true"
    print(f"{'FAILED' if in_ci else 'SKIPPED'}: {reason}")
    sys.exit(1 if in_ci else SKIPPED)
