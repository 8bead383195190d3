"""The documents of the project as pages of the site: which there are, in which order, and what Doxygen needs in them."""

import os
import re
from pathlib import Path

# The main page, then each chapter: its name, its title, and its documents in the order in which they are read.
MAIN = "README.md"
CHAPTERS = [
    ("languages", "Languages", ["docs/c.md", "docs/cpp.md", "bindings/go/README.md", "bindings/swift/README.md",
                                "bindings/python/README.md", "bindings/node/README.md", "docs/bindings.md"]),
    ("guides", "Guides", ["docs/answers.md", "docs/reconnecting.md", "docs/network.md", "docs/tls.md", "docs/threads.md",
                          "docs/limits.md", "docs/operating.md", "docs/testing.md", "docs/migrating.md"]),
    ("installing", "Installing and packaging", ["docs/packaging.md", "docs/platforms.md", "packaging/README.md"]),
    ("choosing", "Comparisons and figures", ["docs/features.md", "docs/alternatives.md", "docs/benchmarks.md"]),
    ("project", "The project", ["docs/ARCHITECTURE.md", "docs/verification.md", "CONTRIBUTING.md", "SECURITY.md",
                                "CHANGELOG.md"]),
]
# What the site has for files that are no documents.
REFERENCES = {"include/eventsource.h": "@ref manual", "include/eventsource.hpp": "cpp/index.html"}

CODE = re.compile(r"^ *```.*?^ *```[^\n]*$|(?:(?<=\n\n)|\A)(?:    [^\n]*(?:\n|\Z))+(?:\n+    [^\n]*(?:\n|\Z))*|`[^`\n]+`",
                  re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def documents():
    """All documents of the site."""
    return [MAIN, *(path for _, _, paths in CHAPTERS for path in paths)]


def forgotten(root):
    """Documents of the project that no chapter has."""
    there = {"README.md", *(str(file.relative_to(root)) for file in root.glob("docs/*.md"))}
    there |= {str(file.relative_to(root)) for file in root.glob("bindings/*/README.md")}
    return sorted(there - set(documents()))


def label(path):
    """The name of a document's page."""
    return "mainpage" if path == MAIN else "page_" + re.sub(r"(/README)?\.md$", "", path).replace("/", "_").lower()


def anchor(heading):
    """A heading's anchor, as it is made on the web."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def section(path, name):
    """The name of a document's section. Doxygen takes no hyphen first or last."""
    return f"{label(path)}_{name.strip('-')}"


def linked(text, target, path, root):
    """A link as the site has it. What the site does not have remains as text."""
    if re.match(r"[a-z]+:", target):
        return f"[{text}]({target})"
    file, _, heading = target.partition("#")
    file = os.path.normpath(Path(path).parent / file) if file else path
    if (root / file / "README.md").exists():
        file = f"{file}/README.md"
    if file in REFERENCES:
        return f"[{text}]({REFERENCES[file]})"
    if file not in documents():
        return text
    if heading:
        return f"[{text}](@ref {section(file, heading)})"
    # The main page has no name to refer to.
    return f"[{text}](index.html)" if file == MAIN else f"[{text}](@ref {label(file)})"


def page(path, root, link):
    """A document as Doxygen reads it. `link` makes links of the names in code that the reference knows."""
    text = (root / path).read_text()
    codes = []

    # Code stays as it is: what is written below for text does not apply to it.
    def keep(found):
        code = found[0]
        if re.match("`[^`]", code):
            # To Doxygen, an apostrophe ends what one backtick begins.
            code = f"`{code}`" if "'" in code else link(code)
        codes.append(code)
        return f"\0{len(codes) - 1}\0"

    def restored(part):
        return re.sub("\0(\\d+)\0", lambda found: codes[int(found[1])], part)

    def bare(part):
        return re.sub("\0(\\d+)\0", lambda found: re.sub(r"`|<[^>]*>|@ref \S+ |\"", "", codes[int(found[1])]), part)

    seen = {}

    def heading(found):
        title = bare(found[2])
        if len(found[1]) == 1:
            return f"# {title} {{#{label(path)}}}"
        name = anchor(title)
        seen[name] = seen.get(name, -1) + 1
        return f"{found[1]} {title} {{#{section(path, f'{name}-{seen[name]}' if seen[name] else name)}}}"

    text = CODE.sub(keep, text)
    text = re.sub(r"[@\\]", r"\\\g<0>", text)
    text = LINK.sub(lambda found: f"![{found[2]}]({Path(found[3]).name})" if found[1]
                    else linked(found[2], found[3], path, root), text)
    return restored(HEADING.sub(heading, text))


def images(root):
    """The folders of the pictures that documents show."""
    return sorted({str((root / path).parent / Path(found[3]).parent) for path in documents()
                   for found in LINK.finditer((root / path).read_text()) if found[1]})


def write(root, folder, link):
    """Writes all pages to a folder; returns its files in the order of the chapters."""
    files = []
    for path in documents():
        file = folder / f"{label(path)}.md"
        file.write_text(page(path, root, link))
        files.append(file)
    chapters = folder / "chapters.dox"
    chapters.write_text("".join(
        f"/** @page {name} {title}\n" + "".join(f" * - @subpage {label(path)}\n" for path in paths) + " */\n"
        for name, title, paths in CHAPTERS))
    return [chapters, *files]
