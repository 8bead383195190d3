#!/usr/bin/env python3
"""Does what docs/packaging.md shows under "From an empty folder", as it stands there: each language in a folder that has the package and
the guide's first program, and nothing else. Prints how long each took, and fails if a program does not print its events.

    trials.py --source CLONE --work FOLDER --server TEST_SERVER --packages FOLDER [LANGUAGE...]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

# By the headings of the document: where the program is shown, what its file is called, and which packages it needs.
LANGUAGES = {
    "C": ("README.md", "c", "program.c", ("*.tar.gz",)),
    "C++": ("README.md", "cpp", "program.cpp", ("*.tar.gz",)),
    "Go": ("bindings/go/README.md", "go", "program.go", ("*.tar.gz", "clone")),
    "Python": ("bindings/python/README.md", "python", "program.py", ("*.whl",)),
    "Node": ("bindings/node/README.md", "js", "program.mjs", ("*.tgz",)),
    "Swift": ("bindings/swift/README.md", "swift", "Program.swift", ("*.tar.gz", "clone")),
}
PATH = "/events?count=4&per_connection=2&retry=1&then=204"


def block(text, language):
    return re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]


def commands(source, language):
    """The commands under a language's heading."""
    text = (source / "docs/packaging.md").read_text()
    section = text.split("\n## From an empty folder\n")[1].split("\n## ")[0]
    return block(section.split(f"\n### {language}\n")[1].split("\n### ")[0], "sh")


def prepare(options, language):
    """An empty folder, with the program and the packages."""
    readme, fence, program, packages = LANGUAGES[language]
    folder = options.work / program.replace(".", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / program).write_text(block((options.source / readme).read_text(), fence))
    for package in packages:
        if package == "clone":
            (folder / "libeventsource").mkdir()
            shutil.copy(options.source / "Package.swift", folder / "libeventsource")
            for name in ("go", "swift"):
                shutil.copytree(options.source / "bindings" / name, folder / "libeventsource/bindings" / name)
            continue
        for file in options.packages.glob(package):
            # By the package's own name; the source distribution of Python's is a tarball, too.
            if file.name.startswith(("libeventsource", "eventsource_c-")) and not (package == "*.tar.gz" and "Linux" not in file.name):
                shutil.copy(file, folder)
    return folder


def trial(options, language):
    """Seconds."""
    folder = prepare(options, language)
    # What leads to the library elsewhere is no part of an empty folder.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENTSOURCE_")}
    for name in ("PKG_CONFIG_PATH", "LD_LIBRARY_PATH"):
        environment.pop(name, None)
    script = f'set -eu; cd "{folder}"; URL=$1\n{commands(options.source, language)}'
    begin = time.monotonic()
    done = subprocess.run(
        [options.server, "--for", "600", "--run", "--", "sh", "-c", script, "sh", "{url}" + PATH],
        env=environment, capture_output=True, text=True,
    )
    seconds = time.monotonic() - begin
    events = re.findall(r"^message: event \d+$", done.stdout, re.MULTILINE)
    if done.returncode or len(events) != 4:
        sys.exit(f"{language}: status {done.returncode}, {len(events)} events of 4\n{done.stdout}\n{done.stderr}")
    shutil.rmtree(folder)
    return seconds


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("source", "work", "server", "packages"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("languages", nargs="+", choices=LANGUAGES)
    options = arguments.parse_args()
    for language in options.languages:
        seconds = trial(options, language)
        print(f"{language}: {seconds:.1f} s", flush=True)
        # Five minutes are for a person. A machine that is as slow is told of.
        if seconds > 300:
            print(f"{language} took more than five minutes")


main()
