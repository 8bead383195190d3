//! Uses run downwards only: no modules of `src` use each other in a circle, neither files nor folders.
//!
//! Read from the sources alone: `use` lines and paths that begin with `crate`, `self`, `super` or a module's own child. What
//! a module only hands on (`use`, public or not) counts as its origin's. Tests inside the modules do not count.

mod reader;

use reader::{Module, Reader, Use};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

#[test]
fn uses_run_downwards_only() {
    let circles = Sources::of_library().circles();
    let reports: String = circles.iter().map(Circle::report).collect();
    assert!(
        circles.is_empty(),
        "modules use each other in a circle:\n{reports}"
    );
}

#[test]
fn the_arrows_between_the_layers_are_seen() {
    let sources = Sources::of_library();
    let top = sources.arrows_between(&[], &sources.arrows());
    for (upper, lower) in [
        ("abi", "stream"),
        ("abi", "parser"),
        ("stream", "http"),
        ("stream", "runtime"),
        ("http", "runtime"),
        ("runtime", "sync"),
    ] {
        let arrow = (upper.to_owned(), lower.to_owned());
        assert!(top.contains_key(&arrow), "{upper} uses {lower}");
    }
}

#[test]
fn a_planted_upward_use_is_found() {
    for (file, plant) in [
        // A file uses one above it in the same folder, or in another.
        ("abi/guard/refusal.rs", "use super::call::call;"),
        ("abi/types/status.rs", "use crate::abi::guard::call::call;"),
        // A path without a `use`; one of several in a list; one from an inner module.
        ("stream/gate.rs", "fn f() { crate::stream::client::f() }"),
        (
            "words.rs",
            "use crate::{sync::{lock, wait}, log::{self, Level}};",
        ),
        ("words.rs", "mod inner { use super::super::log; }"),
        // What another module hands on.
        ("stream/gate.rs", "pub(super) use super::Client as C;"),
        // A module uses what the face of its folder defines.
        ("runtime/turns.rs", "use super::Stage;"),
        // No two files use each other, but two folders do.
        ("runtime/masks.rs", "use crate::stream::State;"),
    ] {
        let mut sources = Sources::of_library();
        let line = sources.append(file, plant);
        let circles = sources.circles();
        let is_found = |circle: &Circle| {
            let mut arrows = circle.arrows.iter().flatten();
            arrows.any(|arrow| arrow.from == format!("src/{file}") && arrow.line == line)
        };
        assert!(circles.iter().any(is_found), "{plant} in {file}");
    }
}

#[test]
fn what_is_no_use_is_none() {
    let mut sources = Sources::of_library();
    let before = sources.arrows().len();
    for plant in [
        "// use crate::abi::eventsource_t;",
        "/* use crate::abi::eventsource_t; /* nested */ crate::abi::f() */",
        "const TEXT: &str = \"use crate::abi::f; \\\" crate::abi::f\";",
        "const RAW: &str = r#\"\" use crate::abi::f;\"#;",
        "const QUOTE: char = '\"'; fn f<'a>(_: &'a str) {}",
        "#[cfg(test)] mod tests { use super::super::abi::f; }",
        "#[cfg(all(test, unix))] mod more { use crate::abi::f; }",
        "pub(in crate::abi) fn g() {}",
        "fn h<'a>() -> impl Sized + use<'a> {}",
    ] {
        sources.append("words.rs", plant);
        assert_eq!(sources.arrows().len(), before, "{plant}");
    }
}

/// The files of a crate.
#[derive(Clone, Default)]
struct Sources {
    files: BTreeMap<Module, File>,
}

#[derive(Clone)]
struct File {
    name: String,
    text: String,
    /// What stands in it under a name that other modules can ask for.
    imports: Vec<Use>,
    uses: Vec<Use>,
    definitions: BTreeSet<String>,
}

/// One file uses something of another.
#[derive(Clone, Debug)]
struct Arrow {
    from: String,
    line: usize,
    to: String,
    what: String,
}

type Arrows = BTreeMap<(String, String), Vec<Arrow>>;

/// Modules of one folder that use each other in a circle.
struct Circle {
    folder: String,
    members: Vec<String>,
    /// Those from one member to another together.
    arrows: Vec<Vec<Arrow>>,
}

impl Circle {
    /// What ties the circle, beginning with what ties it least: that is most likely what runs upwards.
    fn report(&self) -> String {
        /// Of the arrows from one member to another.
        const MOST: usize = 3;
        let mut report = format!("in {}: {}\n", self.folder, self.members.join(", "));
        let mut arrows: Vec<_> = self.arrows.iter().collect();
        arrows.sort_by_key(|arrows| arrows.len());
        for Arrow {
            from,
            line,
            to,
            what,
        } in arrows.iter().flat_map(|arrows| arrows.iter().take(MOST))
        {
            report += &format!("    {from}:{line} uses {what} of {to}\n");
        }
        report
    }
}

impl Sources {
    fn of_library() -> Sources {
        static SOURCES: OnceLock<Sources> = OnceLock::new();
        let read = || {
            let mut sources = Sources::default();
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
            sources.add_folder(&root, &mut Vec::new());
            sources
        };
        SOURCES.get_or_init(read).clone()
    }

    fn add_folder(&mut self, folder: &Path, place: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a folder of src") {
            let path = entry.expect("an entry of src").path();
            let stem = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                place.push(stem);
                self.add_folder(&path, place);
                place.pop();
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                let mut module = place.clone();
                if stem != "mod" && stem != "lib" {
                    module.push(stem);
                }
                let name = path
                    .strip_prefix(env!("CARGO_MANIFEST_DIR"))
                    .expect("inside");
                self.add(module, name.to_string_lossy().into_owned(), text);
            }
        }
    }

    fn add(&mut self, module: Module, name: String, text: String) {
        let mut reader = Reader::new(&module, &text);
        reader.read();
        let Reader {
            imports,
            uses,
            definitions,
            ..
        } = reader;
        self.files.insert(
            module,
            File {
                name,
                text,
                imports,
                uses,
                definitions,
            },
        );
    }

    /// Plants a line at the end of a file of `src`. Answers its number.
    fn append(&mut self, file: &str, plant: &str) -> usize {
        let name = format!("src/{file}");
        let found = self.files.iter().find(|(_, file)| file.name == name);
        let (module, File { text, .. }) = found.expect("a file of src");
        let (module, line) = (module.clone(), text.lines().count() + 1);
        let text = format!("{text}{plant}\n");
        self.add(module, name, text);
        line
    }

    /// The files below a module that `path`, seen from `place`, leads to, and what of it remains.
    fn resolve(
        &self,
        place: &[String],
        path: &[String],
        depth: usize,
    ) -> Option<(Module, Option<String>)> {
        let mut at: Module = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => place.to_vec(),
            // A child of this module; everything else is another crate's or stands in the file itself.
            first
                if self
                    .files
                    .contains_key(&[place, &[first.to_owned()]].concat()) =>
            {
                place.to_vec()
            }
            _ => return None,
        };
        let mut rest = path.iter().peekable();
        while let Some(segment) = rest.peek() {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => {
                    at.pop();
                }
                segment => {
                    let child = [at.as_slice(), &[segment.to_owned()]].concat();
                    if !self.files.contains_key(&child) {
                        break;
                    }
                    at = child;
                }
            }
            rest.next();
        }
        let item = rest.next().filter(|item| *item != "*").cloned();
        // Inner modules are their file's.
        while !self.files.contains_key(&at) {
            at.pop()?;
        }
        let origin = item.as_ref().and_then(|item| self.origin(&at, item, depth));
        Some((origin.unwrap_or(at), item))
    }

    /// Where what a module only hands on comes from.
    fn origin(&self, module: &Module, item: &str, depth: usize) -> Option<Module> {
        /// No name is handed on more often.
        const MOST: usize = 8;
        let file = self.files.get(module)?;
        if depth > MOST || file.definitions.contains(item) {
            return None;
        }
        let imports = file.imports.iter().filter(|import| import.place == *module);
        imports
            .filter(|import| import.name == item || import.name == "*")
            .find_map(|import| {
                let (origin, _) = self.resolve(&import.place, &import.path, depth + 1)?;
                if import.name == item {
                    return Some(origin);
                }
                match self.files[&origin].definitions.contains(item) {
                    true => Some(origin),
                    false => self.origin(&origin, item, depth + 1),
                }
            })
    }

    /// Which file uses which.
    fn arrows(&self) -> Vec<(&Module, Module, Arrow)> {
        let mut arrows = Vec::new();
        for (from, file) in &self.files {
            for used in &file.uses {
                let resolved = self.resolve(&used.place, &used.path, 0);
                let Some((to, item)) = resolved.filter(|(to, _)| to != from) else {
                    continue;
                };
                let arrow = Arrow {
                    from: file.name.clone(),
                    line: used.line,
                    to: self.files[&to].name.clone(),
                    what: item.unwrap_or_else(|| used.path.join("::")),
                };
                arrows.push((from, to, arrow));
            }
        }
        arrows
    }

    /// The arrows between the modules of one folder: its children, and itself as its own file.
    fn arrows_between(&self, folder: &[String], arrows: &[(&Module, Module, Arrow)]) -> Arrows {
        let member = |module: &Module| match module.get(folder.len()) {
            Some(child) => child.clone(),
            None => "mod.rs".to_owned(),
        };
        let mut between = Arrows::new();
        for (from, to, arrow) in arrows {
            let ends = (member(from), member(to));
            if from.starts_with(folder) && to.starts_with(folder) && ends.0 != ends.1 {
                between.entry(ends).or_default().push(arrow.clone());
            }
        }
        between
    }

    fn circles(&self) -> Vec<Circle> {
        let arrows = self.arrows();
        let folders = self.files.keys();
        folders
            .flat_map(|folder| circles_in(folder, &self.arrows_between(folder, &arrows)))
            .collect()
    }
}

fn circles_in(folder: &Module, arrows: &Arrows) -> Vec<Circle> {
    let members: BTreeSet<_> = arrows.keys().map(|(from, _)| from.clone()).collect();
    let reached = |from: &String| {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(member) = next.pop() {
            let ends = arrows.keys().filter(|(from, _)| from == member);
            next.extend(
                ends.map(|(_, to)| to)
                    .filter(|to| reached.insert((*to).clone())),
            );
        }
        reached
    };
    let reached: BTreeMap<_, _> = members
        .iter()
        .map(|member| (member, reached(member)))
        .collect();
    let mut circles = BTreeMap::new();
    for member in members
        .iter()
        .filter(|member| reached[member].contains(*member))
    {
        let others = reached[member].iter();
        let circle: Vec<_> = others
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(member)))
            .cloned()
            .collect();
        circles.insert(circle.clone(), circle);
    }
    let name = ["src"].into_iter().chain(folder.iter().map(String::as_str));
    let name = name.collect::<Vec<_>>().join("/");
    circles
        .into_values()
        .map(|members| Circle {
            folder: name.clone(),
            arrows: arrows
                .iter()
                .filter(|((from, to), _)| members.contains(from) && members.contains(to))
                .map(|(_, arrows)| arrows.clone())
                .collect(),
            members,
        })
        .collect()
}
