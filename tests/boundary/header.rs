//! `include/eventsource.h`, the header that is checked in, is the one that the sources make.

use std::fs;

/// What build.rs made of `src/abi`.
const GENERATED: &str = include_str!(concat!(env!("OUT_DIR"), "/eventsource.h"));

/// Read at run time: a test that compiled it in would go on judging an old one.
fn checked_in() -> String {
    fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/include/eventsource.h"
    ))
    .expect("the header can be read")
}

/// The first line in which two headers differ, and what to do about it.
fn drift(checked_in: &str, generated: &str) -> Option<String> {
    if checked_in == generated {
        return None;
    }
    let mut old = checked_in.split('\n');
    let mut new = generated.split('\n');
    for number in 1.. {
        let lines = (old.next(), new.next());
        if lines.0 != lines.1 {
            let [old, new] = [lines.0, lines.1].map(|line| line.unwrap_or("(the end)"));
            return Some(format!(
                "include/eventsource.h is not what src/abi makes; line {number} is\n  {old}\n\
                 and should be\n  {new}\nRenew it: EVENTSOURCE_WRITE_HEADER=1 cargo build",
            ));
        }
    }
    None
}

#[test]
fn the_checked_in_header_is_the_generated_one() {
    if let Some(drift) = drift(&checked_in(), GENERATED) {
        panic!("{drift}");
    }
}

#[test]
fn a_changed_header_is_noticed_and_the_remedy_named() {
    let changed = GENERATED.replace("EVENTSOURCE_OK = 0", "EVENTSOURCE_OK = 1");
    let message = drift(&changed, GENERATED).expect("the change is noticed");
    assert!(message.contains("EVENTSOURCE_OK = 1"), "{message}");
    assert!(
        message.contains("EVENTSOURCE_WRITE_HEADER=1 cargo build"),
        "{message}"
    );

    let longer = format!("{GENERATED}\n");
    assert!(drift(&longer, GENERATED).is_some_and(|message| message.contains("(the end)")));
    assert!(drift("", GENERATED).is_some());
    assert_eq!(drift(GENERATED, GENERATED), None);
}

#[test]
fn the_version_macros_are_the_crates_version() {
    let header = checked_in();
    let macros = ["MAJOR", "MINOR", "PATCH"].map(|part| {
        let name = format!("#define EVENTSOURCE_VERSION_{part} ");
        let line = header.lines().find_map(|line| line.strip_prefix(&name));
        line.expect("the macro is defined").to_owned()
    });
    assert_eq!(macros.join("."), env!("CARGO_PKG_VERSION"));
}

/// A function of the header: its name, its parameters, whether it returns something, and what is said of it.
struct Function {
    name: String,
    parameters: Vec<String>,
    returns: bool,
    manual: String,
}

fn functions(header: &str) -> Vec<Function> {
    let documented = header.split("/**").filter_map(|text| text.split_once("*/"));
    documented
        .filter_map(|(manual, code)| {
            let (declaration, _) = code.split_once(';')?;
            let (before, parameters) = declaration.split_once('(')?;
            let is_function = before.contains("eventsource_")
                && !before.contains(['{', '#', '/'])
                && !before.contains("typedef");
            let name = before.rsplit([' ', '*', '\n']).next()?;
            let parameters = parameters.trim_end_matches(')').split(',');
            is_function.then(|| Function {
                name: name.to_owned(),
                parameters: parameters
                    .filter(|parameter| parameter.trim() != "void")
                    .filter_map(|parameter| parameter.rsplit([' ', '*']).next())
                    .map(str::to_owned)
                    .collect(),
                returns: !before.trim_start().starts_with("void "),
                manual: manual.to_owned(),
            })
        })
        .collect()
}

/// What a function's description lacks.
fn lacks(function: &Function) -> Vec<String> {
    let manual = &function.manual;
    let mut needed: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| format!("@param {parameter} "))
        .collect();
    if function.returns {
        needed.push("@return ".to_owned());
    }
    needed.push("@since ".to_owned());
    needed.retain(|part| !manual.contains(part.as_str()));
    let rules = ["Any thread", "One thread at a time", "The thread of "];
    if !rules.iter().any(|rule| manual.contains(rule)) {
        needed.push("a rule for threads".to_owned());
    }
    needed
}

/// The first column of a table of the manual; an entry may name several functions.
fn first_column<'a>(header: &'a str, heading: &str) -> Vec<&'a str> {
    let (_, table) = header.split_once(heading).expect("the table is there");
    table
        .lines()
        .skip_while(|line| !line.starts_with(" *     "))
        .skip(1)
        .map_while(|line| line.strip_prefix(" *     "))
        .filter_map(|row| row.split("  ").next())
        .flat_map(|names| names.split(", "))
        .map(|name| name.split(' ').next().unwrap_or(name))
        .collect()
}

fn stands_in(table: &[&str], name: &str) -> bool {
    table.iter().any(|entry| match entry.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *entry,
    })
}

#[test]
fn each_function_has_its_parameters_its_result_its_threads_and_its_version() {
    let functions = functions(GENERATED);
    assert!(functions.len() > 80, "{} functions", functions.len());
    let lacking: Vec<_> = functions
        .iter()
        .map(|function| (&function.name, lacks(function)))
        .filter(|(_, lacks)| !lacks.is_empty())
        .collect();
    assert!(lacking.is_empty(), "{lacking:#?}");
}

#[test]
fn each_function_stands_in_the_table_of_calls() {
    let table = first_column(GENERATED, " * CALLS. ");
    for function in functions(GENERATED) {
        let name = function.name.trim_start_matches("eventsource_");
        assert!(stands_in(&table, name), "{name} is not in {table:?}");
    }
}

#[test]
fn each_setting_stands_in_the_table_of_defaults() {
    /// They set no value that a client has by default.
    const NONE: [&str; 4] = ["url", "next_delay", "sensitive_header", "reconnect"];
    let table = first_column(GENERATED, " * DEFAULTS. ");
    for function in functions(GENERATED) {
        if let Some(setting) = function.name.strip_prefix("eventsource_set_")
            && !NONE.contains(&setting)
        {
            assert!(stands_in(&table, setting), "{setting} is not in {table:?}");
        }
    }
}

#[test]
fn a_function_that_lacks_a_part_is_noticed() {
    let whole = "/** Does.\n * @param es the client\n * @return a status\n *\n * Any thread.\n *\n * @since 0.9.0\n */\n\
                 eventsource_status_t eventsource_f(struct eventsource_t *es);";
    assert_eq!(lacks(&functions(whole)[0]), [""; 0]);
    for part in ["@param es ", "@return ", "@since ", "Any thread"] {
        let spoiled = whole.replace(part, "");
        assert_eq!(lacks(&functions(&spoiled)[0]).len(), 1, "{part}");
    }
}

/// Each enumeration of a header, with its enumerators.
fn enumerations(header: &str) -> Vec<(&str, Vec<&str>)> {
    let blocks = header.split("\nenum ").skip(1);
    blocks
        .map(|block| {
            let (name, rest) = block.split_once(['\n', ' ']).expect("a name");
            let (body, _) = rest.split_once('}').expect("it ends");
            let enumerators = body
                .lines()
                .filter_map(|line| line.trim_start().split_once(" = "))
                .map(|(enumerator, _)| enumerator)
                .filter(|enumerator| enumerator.starts_with("EVENTSOURCE_"));
            (name, enumerators.collect())
        })
        .collect()
}

/// How the enumerators of an enumeration begin: as its name does, without what goes without saying.
fn families(enumeration: &str) -> Vec<String> {
    let name = enumeration.strip_suffix("_t").unwrap_or(enumeration);
    match name {
        "eventsource_status" => vec!["EVENTSOURCE_OK".into(), "EVENTSOURCE_ERR_".into()],
        "eventsource_close_reason" => vec!["EVENTSOURCE_CLOSE_".into()],
        "eventsource_redirect_decision" => vec!["EVENTSOURCE_REDIRECT_".into()],
        "eventsource_log_level" => vec!["EVENTSOURCE_LOG_".into()],
        "eventsource_tls_version" => vec!["EVENTSOURCE_TLS_".into()],
        name => vec![format!("{}_", name.to_uppercase())],
    }
}

/// Enumerators that are not of their enumeration's family, or would also be of another's.
fn strays(header: &str) -> Vec<String> {
    let enumerations = enumerations(header);
    let all = || enumerations.iter().flat_map(|(name, _)| families(name));
    let mut strays = Vec::new();
    for (name, enumerators) in &enumerations {
        for enumerator in enumerators {
            let fitting = all().filter(|family| enumerator.starts_with(family.as_str()));
            let nearest = fitting.max_by_key(String::len);
            if !nearest.is_some_and(|nearest| families(name).contains(&nearest)) {
                strays.push(format!("{enumerator} of {name}"));
            }
        }
    }
    strays
}

#[test]
fn each_enumerator_is_of_its_types_family() {
    let enumerations = enumerations(GENERATED);
    let enumerators = enumerations
        .iter()
        .map(|(_, enumerators)| enumerators.len());
    assert!(
        enumerations.len() >= 11,
        "{} enumerations",
        enumerations.len()
    );
    assert!(enumerators.sum::<usize>() >= 80, "{enumerations:?}");
    assert_eq!(strays(GENERATED), [""; 0]);
}

#[test]
fn an_enumerator_of_no_family_or_of_anothers_is_noticed() {
    for (right, wrong) in [
        ("EVENTSOURCE_STATE_OPEN =", "EVENTSOURCE_OPEN ="),
        ("EVENTSOURCE_STATE_OPEN =", "EVENTSOURCE_MODE_OPEN ="),
        ("EVENTSOURCE_LOG_DEBUG =", "EVENTSOURCE_LOG_KIND_DEBUG ="),
    ] {
        let spoiled = GENERATED.replace(right, wrong);
        assert_eq!(strays(&spoiled).len(), 1, "{wrong}");
    }
}

/// The manual's examples, as a C file.
fn examples(header: &str) -> String {
    let (_, text) = header
        .split_once(" * EXAMPLES. ")
        .expect("there are examples");
    let (text, _) = text.split_once(" */").expect("they end");
    let code: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| line.strip_prefix(" *     ").unwrap_or_default())
        .collect();
    let used =
        "reconnect_soon ask_once run_after queue_changed one_thread dispatch log_to_stderr parse";
    let used: String = used
        .split(' ')
        .map(|name| format!("    used[n++] = (void (*)(void)){name};\n"))
        .collect();
    format!(
        "#include <eventsource.h>\n#include <stdio.h>\n#include <stdlib.h>\n{}\n\
         int main(void) {{\n    void (*used[16])(void);\n    int n = 0;\n{used}    return used[0] == NULL;\n}}\n",
        code.join("\n")
    )
}

#[test]
fn what_needs_an_example_has_one() {
    const TWELVE: [&str; 12] = [
        "request",
        "errors",
        "batch",
        "reconnect policy",
        "Once",
        "Persistence",
        "Pause",
        "Hooks",
        "runtime",
        "Dispatch",
        "Log",
        "Parser",
    ];
    let code = examples(&checked_in());
    let headings: Vec<_> = code
        .lines()
        .filter(|line| line.starts_with("// "))
        .collect();
    for part in TWELVE {
        assert!(
            headings.iter().any(|heading| heading.contains(part)),
            "no example of {part} in {headings:#?}"
        );
    }
}

#[test]
fn the_examples_compile_without_a_warning() {
    let file = std::env::temp_dir().join(format!("eventsource-examples-{}.c", std::process::id()));
    fs::write(&file, examples(&checked_in())).expect("a file can be written");
    let include = concat!(env!("CARGO_MANIFEST_DIR"), "/include");
    for standard in ["-std=c99", "-std=c11"] {
        let compiled = std::process::Command::new("cc")
            .args([
                standard,
                "-fsyntax-only",
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Werror",
            ])
            .args(["-Wno-cast-function-type", "-I", include])
            .arg(&file)
            .output()
            .expect("there is a C compiler");
        let said = String::from_utf8_lossy(&compiled.stderr);
        assert!(compiled.status.success(), "{standard}: {said}");
    }
    fs::remove_file(&file).expect("the file can be removed");
}

#[test]
fn each_callback_type_has_its_parameters_and_its_threads() {
    let documented = GENERATED
        .split("/**")
        .filter_map(|text| text.split_once("*/"));
    let mut seen = 0;
    for (manual, code) in documented {
        let Some((_, rest)) = code.split_once("(*eventsource_") else {
            continue;
        };
        let (name, rest) = rest.split_once(")(").expect("a function's type");
        let (parameters, _) = rest.split_once(')').expect("it ends");
        for parameter in parameters.split(',') {
            let parameter = parameter.rsplit([' ', '*']).next().expect("a name");
            assert!(
                manual.contains(&format!("@param {parameter} ")),
                "{name} does not say what {parameter} is"
            );
        }
        assert!(
            manual.contains("thread"),
            "{name} does not say on which threads it runs"
        );
        seen += 1;
    }
    assert!(seen >= 12, "{seen} types of callbacks");
}

#[test]
fn the_defaults_are_those_of_the_library() {
    let settings = eventsource::stream::Settings::new("http://localhost/").expect("a URL");
    let reconnect = &settings.reconnect;
    let ms = |time: std::time::Duration| time.as_millis().to_string();
    let limit = |time: Option<_>| time.map_or_else(|| "EVENTSOURCE_NO_LIMIT".to_owned(), ms);
    let flag = |on: bool| i32::from(on).to_string();
    let (_, table) = GENERATED.split_once(" * DEFAULTS. ").expect("a table");
    for (name, default) in [
        ("reconnect_with_get", flag(settings.reconnect_with_get)),
        ("reconnect.retry_initial", flag(reconnect.retry_initial)),
        ("reconnect.delay_ms", ms(reconnect.delay)),
        ("reconnect.max_delay_ms", ms(reconnect.max_delay)),
        ("reconnect.factor", reconnect.factor.to_string()),
        ("reconnect.jitter", reconnect.jitter.to_string()),
        ("reconnect.reset_after_ms", ms(reconnect.reset_after)),
        ("reconnect.min_delay_ms", ms(reconnect.min_delay)),
        (
            "reconnect.max_server_delay_ms",
            ms(reconnect.max_server_delay),
        ),
        ("connect_timeout", limit(settings.http.connect_timeout)),
        ("response_timeout", limit(settings.http.response_timeout)),
        ("read_timeout", limit(settings.http.read_timeout)),
        ("event_timeout", limit(settings.event_timeout)),
        ("max_redirects", settings.http.max_redirects.to_string()),
        ("max_event_size", settings.max_event_size().to_string()),
        ("max_error_body", settings.http.max_error_body.to_string()),
        ("check_content_type", flag(settings.check_content_type)),
        ("watch_network", flag(settings.watch_network)),
    ] {
        let row = table
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some(name))
            .unwrap_or_else(|| panic!("{name} has a row"));
        assert_eq!(
            row.split_whitespace().nth(2),
            Some(default.as_str()),
            "{name}"
        );
    }
    assert_eq!(reconnect.max_attempts, None);
}

/// What a compiler warns of in a function with this statement; `None` if there is no such compiler.
fn warnings(compiler: &str, flags: &[&str], statement: &str) -> Option<String> {
    let code = format!(
        "#include <eventsource.h>\nvoid f(eventsource_t *es);\nvoid f(eventsource_t *es) {{ (void)es; {statement} }}\n"
    );
    let include = concat!(env!("CARGO_MANIFEST_DIR"), "/include");
    let name = format!("eventsource-ignored-{}.c", std::process::id());
    let file = std::env::temp_dir().join(name);
    fs::write(&file, code).expect("a file can be written");
    let compiled = std::process::Command::new(compiler)
        .args(flags)
        // gcc says it when it writes code, and not before.
        .args(["-Wall", "-Wextra", "-c", "-o", "/dev/null", "-I", include])
        .arg(&file)
        .output();
    fs::remove_file(&file).expect("the file can be removed");
    let compiled = compiled.ok()?;
    let said = String::from_utf8_lossy(&compiled.stderr).into_owned();
    assert!(compiled.status.success(), "{compiler}: {said}");
    Some(said)
}

#[test]
fn compilers_warn_where_a_failure_is_ignored_that_nothing_else_tells() {
    const COMPILERS: [(&str, &[&str]); 6] = [
        ("gcc", &["-std=c99"]),
        ("gcc", &["-std=c11"]),
        ("clang", &["-std=c11"]),
        ("g++", &["-xc++", "-std=c++11"]),
        ("g++", &["-xc++", "-std=c++17"]),
        ("clang++", &["-xc++", "-std=c++17"]),
    ];
    const TOLD: [&str; 5] = [
        "eventsource_start(es);",
        "eventsource_run(es);",
        "eventsource_wait(es, 0);",
        "eventsource_parser_feed(0, 0, 0);",
        "eventsource_new(0);",
    ];
    const NOT_TOLD: [&str; 4] = [
        "eventsource_set_url(es, 0);",
        "eventsource_on_event(es, 0);",
        "eventsource_stop(es);",
        "if (eventsource_run(es) != EVENTSOURCE_OK) eventsource_free(es);",
    ];
    for (compiler, flags) in COMPILERS {
        let Some(_) = warnings(compiler, flags, "") else {
            continue;
        };
        let of = |more: &[&str], statement| {
            let flags = [flags, more].concat();
            warnings(compiler, &flags, statement).expect("it was there")
        };
        for statement in TOLD {
            let said = of(&[], statement);
            assert!(
                said.contains("ignoring return value"),
                "{compiler} {flags:?} {statement}: {said}"
            );
            assert_eq!(
                of(&["-DEVENTSOURCE_NO_NODISCARD"], statement),
                "",
                "{compiler}"
            );
        }
        for statement in NOT_TOLD {
            assert_eq!(of(&[], statement), "", "{compiler} {flags:?}");
        }
    }
}

#[test]
fn the_manual_says_that_a_free_waits_and_must_not_be_under_a_lock() {
    let free = GENERATED
        .split("/**")
        .find(|text| text.contains("void eventsource_free("));
    let manual = free.expect("the function is there").replace("\n * ", " ");
    assert!(manual.contains("returns when no callback of this client runs or will run"));
    assert!(manual.contains("never call it, outside callbacks, while holding a lock"));
}
