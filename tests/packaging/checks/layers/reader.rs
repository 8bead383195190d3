//! Which paths stand in a source file, and what it defines.

use std::collections::BTreeSet;

/// A module, by its path from the crate's root.
pub type Module = Vec<String>;

/// A path that stands in a file.
#[derive(Clone, Debug)]
pub struct Use {
    /// The module, inner ones included, in which it stands.
    pub place: Module,
    pub path: Vec<String>,
    /// What it is called from here on.
    pub name: String,
    pub line: usize,
}

/// Reads a file as far as uses are concerned.
pub struct Reader<'m> {
    module: &'m Module,
    tokens: Vec<(String, usize)>,
    next: usize,
    /// For each brace that is open, the inner module that it is of.
    braces: Vec<Option<String>>,
    pub imports: Vec<Use>,
    pub uses: Vec<Use>,
    pub definitions: BTreeSet<String>,
}

impl Reader<'_> {
    pub fn new<'m>(module: &'m Module, text: &str) -> Reader<'m> {
        Reader {
            module,
            tokens: tokens(text),
            next: 0,
            braces: Vec::new(),
            imports: Vec::new(),
            uses: Vec::new(),
            definitions: BTreeSet::new(),
        }
    }

    fn token(&self, ahead: usize) -> &str {
        self.tokens
            .get(self.next + ahead)
            .map_or("", |(token, _)| token)
    }

    pub fn read(&mut self) {
        while self.next < self.tokens.len() {
            match self.token(0) {
                "#" if self.token(1) == "[" => self.read_attribute(),
                "use" if self.token(1) != "<" => {
                    self.next += 1;
                    self.read_tree(&mut Vec::new());
                }
                "pub" if self.token(1) == "(" => self.skip_group(1),
                "mod" | "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const"
                | "static" => {
                    let (kind, name) = (self.token(0).to_owned(), self.token(1).to_owned());
                    if kind == "mod" && self.token(2) == "{" {
                        self.braces.push(Some(name));
                        self.next += 3;
                    } else {
                        if kind != "mod" && name != "fn" {
                            self.definitions.insert(name);
                        }
                        self.next += 1;
                    }
                }
                "{" => {
                    self.braces.push(None);
                    self.next += 1;
                }
                "}" => {
                    self.braces.pop();
                    self.next += 1;
                }
                _ => self.read_path(),
            }
        }
    }

    /// Skips an attribute, and what it says to be for tests alone.
    fn read_attribute(&mut self) {
        let is_for_tests = matches!(
            [2, 3, 4, 5, 6].map(|ahead| self.token(ahead)),
            ["cfg", "(", "test", ..] | ["cfg", "(", "all", "(", "test"]
        );
        self.skip_group(1);
        while is_for_tests && self.next < self.tokens.len() {
            match self.token(0) {
                ";" => return self.next += 1,
                "{" => return self.skip_group(0),
                "(" | "[" => self.skip_group(0),
                _ => self.next += 1,
            }
        }
    }

    /// Skips what is in brackets, which begin so many tokens ahead.
    fn skip_group(&mut self, ahead: usize) {
        self.next += ahead;
        let mut depth = 0;
        while self.next < self.tokens.len() {
            match self.token(0) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            self.next += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// What follows a `use`, or a part of that in braces.
    fn read_tree(&mut self, path: &mut Vec<String>) {
        let (len, mut name, line) = (
            path.len(),
            None,
            self.tokens[self.next.min(self.tokens.len() - 1)].1,
        );
        while self.next < self.tokens.len() {
            let token = self.token(0).to_owned();
            self.next += 1;
            match token.as_str() {
                "::" => {}
                "{" => {
                    while !matches!(self.token(0), "}" | "") {
                        self.read_tree(path);
                    }
                    self.next += 1;
                    path.truncate(len);
                    if self.token(0) == "," || self.token(0) == ";" {
                        self.next += 1;
                    }
                    return;
                }
                "as" => {
                    name = Some(self.token(0).to_owned());
                    self.next += 1;
                }
                "," | ";" => break,
                "}" => {
                    self.next -= 1;
                    break;
                }
                _ => path.push(token),
            }
        }
        if path.len() > len || name.is_some() {
            let mut whole = path.clone();
            if whole.last().is_some_and(|last| last == "self") && whole.len() > 1 {
                whole.pop();
            }
            let name = name.or_else(|| whole.last().cloned()).unwrap_or_default();
            let import = self.used(whole, name, line);
            self.imports.push(import.clone());
            self.uses.push(import);
        }
        path.truncate(len);
    }

    /// A path in the code, if one begins here.
    fn read_path(&mut self) {
        let is_first =
            self.next == 0 || !matches!(self.tokens[self.next - 1].0.as_str(), "::" | ".");
        let line = self.tokens[self.next].1;
        let mut path = Vec::new();
        if is_first && self.token(1) == "::" {
            while self
                .token(0)
                .starts_with(|c: char| c == '_' || c.is_alphabetic())
            {
                path.push(self.token(0).to_owned());
                self.next += 1;
                if self.token(0) != "::" {
                    break;
                }
                self.next += 1;
            }
        }
        match path.last().cloned() {
            Some(name) => {
                let path = self.used(path, name, line);
                self.uses.push(path);
            }
            None => self.next += 1,
        }
    }

    fn used(&self, path: Vec<String>, name: String, line: usize) -> Use {
        let inner = self.braces.iter().flatten().cloned();
        let place = self.module.iter().cloned().chain(inner).collect();
        Use {
            place,
            path,
            name,
            line,
        }
    }
}

/// Names, `::` and single signs, each with its line; without comments and what is in quotes.
fn tokens(text: &str) -> Vec<(String, usize)> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let (mut tokens, mut index, mut line) = (Vec::new(), 0, 1);
    while index < chars.len() {
        let start = index;
        match (at(index), at(index + 1)) {
            ('/', '/') => index = line_end(&chars, index),
            ('/', '*') => index = comment_end(&chars, index),
            ('"', _) => index = string_end(&chars, index),
            ('\'', '\\') => index = quote_end(&chars, index + 3),
            ('\'', _) if at(index + 2) == '\'' => index += 3,
            (':', ':') => {
                tokens.push(("::".to_owned(), line));
                index += 2;
            }
            (c, _) if c == '_' || c.is_alphabetic() => {
                while at(index) == '_' || at(index).is_alphanumeric() {
                    index += 1;
                }
                let word: String = chars[start..index].iter().collect();
                let hashes = chars[index..].iter().take_while(|c| **c == '#').count();
                match word.as_str() {
                    "r" | "br" | "cr" if at(index + hashes) == '"' => {
                        index = raw_string_end(&chars, index + hashes + 1, hashes);
                    }
                    // The name follows.
                    "r" if hashes == 1 => index += 1,
                    _ => tokens.push((word, line)),
                }
            }
            (c, _) => {
                if !c.is_whitespace() {
                    tokens.push((c.to_string(), line));
                }
                index += 1;
            }
        }
        let end = index.min(chars.len());
        line += chars[start..end].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

fn line_end(chars: &[char], start: usize) -> usize {
    let len = chars[start..].iter().position(|c| *c == '\n');
    len.map_or(chars.len(), |len| start + len)
}

fn comment_end(chars: &[char], start: usize) -> usize {
    let (mut index, mut depth) = (start, 0);
    while index < chars.len() {
        match chars[index..] {
            ['/', '*', ..] => (index, depth) = (index + 2, depth + 1),
            ['*', '/', ..] => (index, depth) = (index + 2, depth - 1),
            _ => index += 1,
        }
        if depth == 0 {
            break;
        }
    }
    index
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut index = start + 1;
    while index < chars.len() && chars[index] != '"' {
        index += if chars[index] == '\\' { 2 } else { 1 };
    }
    index + 1
}

fn raw_string_end(chars: &[char], start: usize, hashes: usize) -> usize {
    let end: Vec<char> = ['"'].into_iter().chain(vec!['#'; hashes]).collect();
    let len = chars[start..]
        .windows(end.len())
        .position(|found| *found == *end);
    len.map_or(chars.len(), |len| start + len + end.len())
}

fn quote_end(chars: &[char], start: usize) -> usize {
    let len = chars[start.min(chars.len())..]
        .iter()
        .position(|c| *c == '\'');
    len.map_or(chars.len(), |len| start + len + 1)
}
