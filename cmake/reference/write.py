#!/usr/bin/env python3
"""Writes the reference of a header as HTML, with Doxygen. The header is the only source of its text; what Doxygen needs beside
that and what would clutter the header is added to a copy: the manual (the header's first comment), the groups, and links.
With --pages, the documents of the project are pages beside it (pages.py); with --man, each function has a manual page (man.py).

What is missing is an error: a parameter without a description, a declaration without a brief or without a group."""

import argparse
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import man
import pages
from groups import GROUPS, group_of

COMMENT = re.compile(r"^/\*\*(?P<text>.*?)\*/\n", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"\b(?:eventsource|EVENTSOURCE)_\w+\b")
# A function of a class that has no comment, and the C function that it calls.
FORWARDER = re.compile(r"(?<!\*/)(\n    (?! |return|static|using|friend|private:)[^\n;{}]*\([^;{}]*\{[^{}]*?\b(eventsource_[a-z_0-9]+)\b(?=[(,)]))")
HERE = Path(__file__).parent

DOXYFILE = """PROJECT_NAME = "{name}"
PROJECT_NUMBER = {version}
INPUT = {inputs}
OUTPUT_DIRECTORY = "{output}"
HTML_OUTPUT = "{html}"
LAYOUT_FILE = "{output}/layout.xml"
HTML_EXTRA_STYLESHEET = "{here}/style.css"
DISABLE_INDEX = NO
GENERATE_TREEVIEW = YES
FULL_SIDEBAR = NO
FULL_PATH_NAMES = NO
GENERATE_LATEX = NO
GENERATE_XML = YES
HAVE_DOT = NO
HTML_TIMESTAMP = NO
JAVADOC_AUTOBRIEF = YES
MACRO_EXPANSION = YES
QUIET = YES
SHOW_INCLUDE_FILES = NO
SORT_MEMBER_DOCS = NO
TYPEDEF_HIDES_STRUCT = YES
VERBATIM_HEADERS = NO
CLASS_GRAPH = NO
WARN_AS_ERROR = FAIL_ON_WARNINGS
"""
# The header is C, but says the enumerations' type to C++ alone.
C = """OPTIMIZE_OUTPUT_FOR_C = YES
PREDEFINED = __cplusplus EVENTSOURCE_NO_NODISCARD __ANDROID__
WARN_NO_PARAMDOC = YES
GENERATE_TAGFILE = "{output}/eventsource.tag"
"""
# It describes only what differs from C.
CPP = """EXTRACT_ALL = YES
EXCLUDE_SYMBOLS = *::detail* std::*
"""
# The site: the main page is the README, and each page stands where its chapter has it.
SITE = """PROJECT_BRIEF = "Keeps streams of Server-Sent Events alive"
IMAGE_PATH = {images}
TOC_INCLUDE_HEADINGS = 3
MARKDOWN_SUPPORT = YES
"""


def declared(declaration):
    """The name of what is declared here."""
    first = re.match(r"[^;{]*", declaration)[0].split("\n\n")[0]
    found = re.search(r"\(\*(eventsource_\w+)\)", first) or re.search(r"\b(eventsource_\w+)\(", first) or NAME.search(first)
    return found and found[found.lastindex or 0]


def link(text, known):
    """The text of a comment, in which names that are known have become links. Code stays code."""
    def linked(name, shown):
        return f'<code>@ref {name} "{shown}"</code>'

    def replace(found):
        name = found[0].strip("`")
        for full in (name, f"EVENTSOURCE_{name}"):
            if full in known:
                return linked(full, name)
        return found[0]

    lines = []
    code = True
    for line in text.split("\n"):
        # A block of code is indented, and comes after an empty line.
        code = (code and bool(re.match(r" +\* {4}", line))) or line.strip() == "*"
        if not code:
            line = re.sub(r"`[^`]*`|(?<![\w/\"@])(?:eventsource|EVENTSOURCE|ERR)_\w+\b(?![.*\"])", replace, line)
        lines.append(line)
    return "\n".join(lines)


def manual(text, groups, command):
    """The header's first comment as a page with sections: they begin with words in capitals."""
    text = re.sub(r"^\s*@file.*\n", "", text)
    text = re.sub(r"^ \* ([A-Z][A-Z ]+)\. ",
                  lambda found: f" * @section {found[1].replace(' ', '_').lower()} {found[1].capitalize()}\n *\n * ",
                  text, flags=re.MULTILINE)
    first, rest = text.split("\n *\n", 1)
    table = ""
    if groups:
        rows = [f" * | @ref {group.name} | {group.brief} |" for group in GROUPS if group.title and not group.parent]
        table = "\n".join([" *", " * | | |", " * |---|---|", *rows, ""])
    return f"/** @{command}\n{first}\n{table} *\n{rest}*/\n"


def copy_of(header, known, is_c, command):
    """The header with what Doxygen needs; what belongs to no group. `command` begins the page that is its first comment."""
    text = header.read_text()
    strays = []

    def replace(found):
        comment = link(found["text"], known)
        if found.start() == 0:
            index = "manual" if command.startswith("page") else "index"
            return (manual(comment, is_c, command)
                    + f"/** @file {header.name}\n * The header; @ref {index} says what holds for all of it. */\n")
        if is_c:
            name = declared(text[found.end():])
            group = group_of(name)
            if group is None:
                strays.append(name)
            else:
                comment = comment.rstrip(" *\n") + f"\n *\n * @ingroup {group}\n "
        return f"/**{comment}*/\n"

    copy = COMMENT.sub(replace, text)
    if not is_c:
        copy = FORWARDER.sub(lambda found: f"\n    /** As {found[2]}. */{found[1]}" if found[2] in known else found[0], copy)
    # Comments of members.
    copy = re.sub(r"^ +/\*\*.*?\*/", lambda found: link(found[0], known), copy, flags=re.DOTALL | re.MULTILINE)
    if is_c:
        pages = [f"/** @defgroup {group.name} {group.title}\n * @brief {group.brief}\n"
                 + (f" * @ingroup {group.parent}\n" if group.parent else "") + " */\n" for group in GROUPS if group.title]
        copy += "".join(pages)
    return copy, strays


def without_brief(folder):
    """What is in the reference and has no brief."""
    missing = []
    for file in sorted(folder.glob("*.xml")):
        for part in xml.parse(file).iter():
            if part.tag in ("memberdef", "enumvalue", "compounddef") and part.get("kind") not in ("file", "dir", "page"):
                name = part.findtext("name") or part.findtext("compoundname")
                brief = part.find("briefdescription")
                if brief is not None and not "".join(brief.itertext()).strip():
                    missing.append(name)
    return sorted(set(missing))


def mend(html):
    """Takes away the links that Doxygen makes to parts of a page which the layout leaves out."""
    for file in html.glob("*.html"):
        text = file.read_text()
        mended = re.sub(r'<a href="#(details|nested-classes)">[^<]*</a>(?: &#124;)?',
                        lambda found: found[0] if re.search(f'(?:id|name)="{found[1]}"', text) else "", text)
        if mended != text:
            file.write_text(mended)


def layout(site):
    """Doxygen's layout. A site has its pages, and both references, in the navigation."""
    text = (HERE / "layout.xml").read_text()
    return text if site else re.sub(r"\n *<tab [^\n]*<!-- site -->", "", text)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--doxygen", required=True)
    arguments.add_argument("--header", type=Path, required=True)
    arguments.add_argument("--output", type=Path, required=True, help="what Doxygen needs and writes beside HTML")
    arguments.add_argument("--html", type=Path, help="else the folder html of the output")
    arguments.add_argument("--version", default="")
    arguments.add_argument("--names", type=Path, help="the C header, whose reference in ../c and .. that of C++ links to")
    arguments.add_argument("--pages", type=Path, help="the project, whose documents become pages")
    arguments.add_argument("--man", type=Path, help="a folder for manual pages of the functions")
    options = arguments.parse_args()

    is_c = options.header.suffix == ".h"
    names = options.header if is_c else options.names
    known = set(NAME.findall(re.sub(COMMENT, "", names.read_text()))) if names else set()
    known -= set(re.search("PREDEFINED = (.*)", C)[1].split())  # which Doxygen does not list
    site = options.pages
    if site and (forgotten := pages.forgotten(site)):
        sys.exit(f"these documents are in no chapter (pages.py): {', '.join(forgotten)}")
    copy, strays = copy_of(options.header, known, is_c, "page manual The manual" if site else "mainpage")
    folder = options.output / "input"
    folder.mkdir(parents=True, exist_ok=True)
    html = (options.html or options.output / "html").absolute()
    html.mkdir(parents=True, exist_ok=True)
    (folder / options.header.name).write_text(copy)
    (options.output / "layout.xml").write_text(layout(site))
    inputs = [folder / options.header.name]
    settings = DOXYFILE + (C if is_c else CPP)
    images = []
    if site:
        inputs += pages.write(site, folder, lambda code: link(code, known))
        images = pages.images(site)
        settings += SITE
    if names and not is_c:
        settings += 'TAGFILES = "{output}/../c/eventsource.tag=.."\n'
    doxyfile = options.output / "Doxyfile"
    language = "C" if is_c else "C++"
    doxyfile.write_text(settings.format(
        inputs=" ".join(f'"{file}"' for file in inputs), output=options.output, html=html, here=HERE, version=options.version,
        images=" ".join(f'"{folder}"' for folder in images), name="libeventsource" + ("" if site else f" for {language}")))
    if strays:
        sys.exit(f"{options.header.name}: these belong to no group (groups.py): {', '.join(strays)}")
    if subprocess.run([options.doxygen, doxyfile]).returncode:
        sys.exit(f"{options.header.name}: Doxygen complains")
    if is_c and (missing := without_brief(options.output / "xml")):
        sys.exit(f"{options.header.name}: these have no brief: {', '.join(missing)}")
    mend(html)
    if options.man:
        man.write(options.output / "xml", options.man, options.version)


if __name__ == "__main__":
    main()
