#!/usr/bin/env python3
"""The site is whole: each link in it leads to a file and a place that are there, each page is reached from the first one, all
documents and functions have their place, and the search finds them."""

import argparse
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, what can be linked to in it, and its text."""

    def __init__(self, file):
        super().__init__()
        self.links, self.anchors, self.text = [], set(), []
        self.feed(file.read_text())

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        self.links += [values[name] for name in ("href", "src") if values.get(name)]

    def handle_data(self, data):
        self.text.append(data)


def targets(file, page):
    """The files of the site that a page links to, with the places in them."""
    for link in page.links:
        parts = urlsplit(link)
        if not parts.scheme and not parts.netloc:
            yield link, (file.parent / unquote(parts.path)).resolve() if parts.path else file, unquote(parts.fragment)


def faults(site, root, hidden):
    pages = {file.resolve(): Page(file) for file in sorted(site.rglob("*.html"))
             if file.parent.name != "search" and file.name != hidden}
    # What a script of Doxygen's puts into the navigation.
    tree = "".join(file.read_text() for file in site.glob("navtree*.js")) + (site / "menudata.js").read_text()
    reached = {(site / name).resolve() for name in re.findall(r'"([\w./-]+\.html)', tree)} | {(site / "index.html").resolve()}
    for file, page in pages.items():
        for link, target, fragment in targets(file, page):
            if not target.exists() or target.name == hidden:
                yield f"{file.name} links to {link}, which is not there"
            elif fragment and target in pages and fragment not in pages[target].anchors:
                yield f"{file.name} links to {link}, which has no such place"
            reached.add(target)
        text = "".join(page.text)
        if left := re.search(r"[@\\](?:ref|subpage|page|section|ingroup)\b", text):
            yield f"{file.name} shows a command of Doxygen's: {left[0]}"
    for file in sorted(set(pages) - reached):
        if file.parent == site.resolve():
            yield f"{file.name} cannot be reached from other pages"
    found = "".join(file.read_text() for file in (site / "search").glob("*.js"))
    for name in (root / "cmake" / "exports.txt").read_text().split():
        if not re.search(rf"\b{name}\b", found):
            yield f"the search does not find {name}"
    for document in sorted((root / "docs").glob("*.md")):
        name = f"page_docs_{document.stem.lower()}.html"
        if (site / name).resolve() not in pages:
            yield f"there is no page for docs/{document.name}"
        elif name.removesuffix(".html") not in found:
            yield f"the search does not find docs/{document.name}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--root", type=Path, required=True, help="the project")
    arguments.add_argument("site", type=Path)
    arguments.add_argument("--hide", metavar="NAME", help="look as if that page were not there, to see this fail")
    options = arguments.parse_args()
    if found := list(faults(options.site, options.root, options.hide)):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
