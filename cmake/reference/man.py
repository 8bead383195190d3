"""Manual pages, in section 3, from Doxygen's XML: one for each function and type of a callback, and one for the library, which
has the manual and lists all functions."""

import os
import re
import time
import xml.etree.ElementTree as xml

# The format's own characters. A hyphen as it is typed, so that names and options can be copied.
ESCAPES = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", "…": "...", "→": "->", "⁻": "\\-",
           "ⁿ": "n", "¹": "1", "×": "x", "≥": ">=", "≤": "<="}


def escaped(text):
    return "".join(ESCAPES.get(letter, letter) for letter in text)


def plain(node):
    """The text of a node, on one line."""
    return " ".join("".join(node.itertext()).split()) if node is not None else ""


def line(text):
    """A line of text, which is no request."""
    text = escaped(" ".join(text.split()))
    return "\\&" + text if text.startswith((".", "\\(aq")) else text


class Page:
    """The lines of a manual page."""

    def __init__(self, name, brief, version):
        # Whoever wants the same bytes says the time.
        date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
        self.lines = [f'.TH "{escaped(name)}" 3 "{date}" "libeventsource {version}" "Library Functions Manual"', ".SH NAME",
                      f"{escaped(name)} \\- {line(brief.rstrip('.'))}"]

    def heading(self, text, level="SH"):
        self.drop_space()
        self.lines.append(f'.{level} "{escaped(text)}"' if " " in text else f".{level} {escaped(text)}")

    def drop_space(self):
        """Takes back a space that nothing follows."""
        while self.lines and self.lines[-1] == ".PP":
            self.lines.pop()

    def paragraph(self, text):
        if text.strip():
            # Sentences begin lines, so that spaces between them are the reader's.
            parts = re.split(r"(?<=[a-z)]\.) (?=[A-Z])", " ".join(text.split()))
            self.lines += [line(part) for part in parts if part.strip()]
            self.lines.append(".PP")

    def code(self, text):
        self.drop_space()
        if not self.lines[-1].startswith((".SH", ".SS")):
            self.lines.append(".PP")
        self.lines += [".nf", ".RS 4"]
        self.lines += [("\\&" if row.startswith((".", "'")) else "") + escaped(row) if row.strip() else ".sp" for row in text]
        self.lines += [".RE", ".fi", ".PP"]

    def text(self):
        self.drop_space()
        return "\n".join(self.lines) + "\n"


def rows(listing):
    """The lines of a block of code."""
    for row in listing.iter("codeline"):
        for space in row.iter("sp"):
            space.text = " "
        yield "".join(row.itertext())


def describe(page, node):
    """Writes a description: paragraphs, lists, tables and code, which Doxygen nests in paragraphs."""
    text = node.text or ""
    for part in node:
        if part.tag in ("para", "programlisting", "verbatim", "itemizedlist", "orderedlist", "table", "parameterlist",
                        "simplesect", "sect1", "sect2"):
            page.paragraph(text)
            text = ""
            if part.tag == "programlisting":
                page.code(rows(part))
            elif part.tag == "verbatim":
                page.code((part.text or "").split("\n"))
            elif part.tag in ("itemizedlist", "orderedlist"):
                for item in part.findall("listitem"):
                    page.drop_space()
                    page.lines.append(".IP \\(bu 2")
                    page.lines.append(line(plain(item)))
                page.lines.append(".PP")
            elif part.tag == "table":
                for row in part.findall("row"):
                    cells = [plain(cell) for cell in row.findall("entry")]
                    if any(cells):
                        page.drop_space()
                        page.lines += [".TP", line(cells[0]) or "\\&", line("; ".join(cell for cell in cells[1:] if cell)) or "\\&"]
                page.lines.append(".PP")
            elif part.tag in ("sect1", "sect2"):
                page.heading(plain(part.find("title")).upper() if part.tag == "sect1" else plain(part.find("title")),
                             "SH" if part.tag == "sect1" else "SS")
                describe(page, part)
            elif part.tag == "para":
                describe(page, part)
        elif part.tag != "title":
            text += "".join(part.itertext())
        text += part.tail or ""
    page.paragraph(text)


def prototype(member):
    """A function's declaration, a parameter on each line."""
    kind = plain(member.find("type"))
    parameters = [(plain(item.find("type")), item.findtext("declname") or "") for item in member.findall("param")]
    words = [f"{of} {name}".replace("* ", "*") if name else of for of, name in parameters] or ["void"]
    start = f"{kind} {member.findtext('name')}(".replace("* ", "*")
    return f"{start}{', '.join(words)});" if len(start) + sum(map(len, words)) < 76 else start + "\n    " + ",\n    ".join(words) + ");"


def function_page(member, group, version):
    """The page of a function, or of a callback's type."""
    name = member.findtext("name")
    page = Page(name, plain(member.find("briefdescription")), version)
    page.heading("SYNOPSIS")
    if member.get("kind") == "typedef":
        declaration = f"typedef {plain(member.find('type'))} {name}{plain(member.find('argsstring'))};"
        declaration = declaration.replace("(* ", "(*").replace("void(*", "void (*").replace(", ", ",\n    ").replace(")(", ")(\n    ")
    else:
        declaration = prototype(member)
    page.code(["#include <eventsource.h>", "", *declaration.split("\n")])
    page.heading("DESCRIPTION")
    describe(page, member.find("briefdescription"))
    details = member.find("detaileddescription")
    describe(page, details)
    for item in details.iter("parameterlist"):
        page.heading("PARAMETERS")
        for parameter in item.findall("parameteritem"):
            names = ", ".join(plain(word) for word in parameter.iter("parametername"))
            page.lines += [".TP", f".I {escaped(names)}", line(plain(parameter.find("parameterdescription"))) or "\\&"]
    since = ""
    for kind, title in (("return", "RETURN VALUE"), ("since", "")):
        for part in (part for part in details.iter("simplesect") if part.get("kind") == kind):
            if title:
                page.heading(title)
                describe(page, part)
            else:
                since = plain(part)
    if since:
        page.heading("HISTORY")
        page.paragraph(f"Since {since}.")
    page.heading("SEE ALSO")
    # Its neighbours in the header.
    place = group.index(name)
    near = [other for other in group[max(0, place - 4):place + 5] if other != name]
    see = ["libeventsource", *near]
    page.lines += [f".BR {escaped(other)} (3){',' if other != see[-1] else ''}" for other in see]
    return page.text()


def library_page(folder, groups, version):
    """The page of the library: the manual, and all functions by their groups."""
    file = next(path for path in (folder / "manual.xml", folder / "indexpage.xml") if path.exists())
    page = Page("libeventsource", "keeps streams of Server-Sent Events alive", version)
    page.heading("SYNOPSIS")
    page.code(["#include <eventsource.h>", "", "cc program.c $(pkg-config --cflags --libs eventsource)"])
    page.heading("DESCRIPTION")
    describe(page, xml.parse(file).find(".//detaileddescription"))
    page.heading("FUNCTIONS")
    for title, members in groups:
        page.heading(title, "SS")
        for member in members:
            page.drop_space()
            page.lines += [".TP", f".BR {escaped(member.findtext('name'))} (3)", line(plain(member.find("briefdescription")))]
    return page.text()


def write(folder, output, version):
    """Writes the pages of what Doxygen's XML in a folder describes."""
    output.mkdir(parents=True, exist_ok=True)
    for old in output.glob("*.3"):
        old.unlink()
    groups = []
    for file in sorted(folder.glob("group__*.xml")):
        compound = xml.parse(file).find("compounddef")
        members = [member for member in compound.iter("memberdef") if member.get("kind") == "function"
                   or member.get("kind") == "typedef" and member.findtext("name").endswith("_fn")]
        if members:
            groups.append((plain(compound.find("title")), members))
    for _, members in groups:
        names = [member.findtext("name") for member in members]
        for member in members:
            (output / f"{member.findtext('name')}.3").write_text(function_page(member, names, version))
    (output / "libeventsource.3").write_text(library_page(folder, groups, version))
