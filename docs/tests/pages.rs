//! What the pages name is there: links, files, functions, settings, macros, errors, metrics, reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use weir_api::problem::Code;
use weir_engine::fact::{ClickReason, Warning};
use weir_engine::judge::ConversionReason;
use weir_engine::template::Macro;

/// Longest page, in lines: what is longer is two pages.
const MAX_LINES: usize = 250;
/// Folders of the repository, as pages name files in them.
const FOLDERS: [&str; 7] = [
    "engine/",
    "actors/",
    "api/",
    "bench/",
    "docs/",
    "loadtest/",
    "packaging/",
];

fn root() -> PathBuf {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR"));
    docs.parent().expect("the workspace").to_path_buf()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn page(name: &str) -> String {
    read(&root().join("docs/src").join(name))
}

/// Files below a folder whose names end so, in order.
fn files_below(folder: &Path, ending: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(files_below(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.insert(path);
        }
    }
    found
}

/// All pages: the README, the book, what changed, and what explains the data.
fn pages() -> BTreeSet<PathBuf> {
    let root = root();
    let mut all = files_below(&root.join("docs"), ".md");
    all.insert(root.join("README.md"));
    all.insert(root.join("api/data/README.md"));
    assert!(all.len() > 15, "{all:?}");
    all
}

/// The text of a page outside of blocks of code.
fn prose(text: &str) -> String {
    let mut is_inside = false;
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_inside = !is_inside;
        } else if !is_inside {
            out += line;
            out.push('\n');
        }
    }
    out
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Anchors of the headings of a page, as Markdown makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let headings = headings.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Targets of the links and pictures of a page.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let parts = prose.split("](").skip(1);
    parts
        .filter_map(|part| part.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect()
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut checked = 0;
    for file in pages() {
        for target in targets(&read(&file)) {
            if target.contains("://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let there = match path {
                "" => file.clone(),
                path => file.parent().expect("a folder").join(path),
            };
            let whence = file.display();
            assert!(there.exists(), "{whence}: {target} leads nowhere");
            let is_page = path.is_empty() || path.ends_with(".md");
            if is_page && !anchor.is_empty() {
                assert!(
                    anchors(&read(&there)).contains(anchor),
                    "{whence}: no heading for {target}"
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} links were found");
}

#[test]
fn the_summary_lists_every_page_of_the_book() {
    let source = root().join("docs/src");
    let listed: BTreeSet<PathBuf> = targets(&page("SUMMARY.md"))
        .into_iter()
        .map(|target| source.join(target))
        .collect();
    let mut there = files_below(&source, ".md");
    there.remove(&source.join("SUMMARY.md"));
    assert_eq!(listed, there);
}

#[test]
fn pages_are_short_and_tell_nothing_of_where_they_were_written() {
    let mut all = pages();
    all.extend(["Dockerfile", "packaging/weir.service", "Makefile"].map(|name| root().join(name)));
    for file in all {
        let text = read(&file);
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
        for word in ["/work/", "../shared", "shared/", "TODO", "FIXME"] {
            assert!(!text.contains(word), "{} says {word}", file.display());
        }
    }
}

#[test]
fn every_file_and_function_that_a_page_names_is_there() {
    let mut checked = 0;
    for page in pages() {
        let text = prose(&read(&page));
        let spans: Vec<&str> = text.split('`').collect();
        for at in (1..spans.len()).step_by(2) {
            let name = spans[at];
            let is_path =
                FOLDERS.iter().any(|folder| name.starts_with(folder)) && !name.contains(' ');
            if !is_path {
                continue;
            }
            let file = root().join(name);
            assert!(file.exists(), "{}: there is no {name}", page.display());
            checked += 1;
            // "`file`: `function`" and "`file` (`Type::function`".
            let is_function = spans
                .get(at + 1)
                .is_some_and(|between| [": ", " ("].contains(between));
            if is_function && name.ends_with(".rs") {
                let function = spans[at + 2].rsplit("::").next().expect("a name");
                let source = read(&file);
                let is_there = ["(", "<"]
                    .iter()
                    .any(|end| source.contains(&format!("fn {function}{end}")));
                assert!(
                    is_there,
                    "{}: no function {function} in {name}",
                    page.display()
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 90, "only {checked} names were found");
}

/// Keys of a settings file with their defaults, as they are written.
fn settings(template: &str) -> BTreeMap<String, String> {
    let mut section = "";
    let mut keys = BTreeMap::new();
    for line in template.lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name;
        } else if let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#'))
        {
            keys.insert(format!("{section}.{key}"), value.to_owned());
        }
    }
    keys
}

#[test]
fn the_reference_of_settings_has_every_key_with_its_default() {
    let template = settings(&read(&root().join("api/node/src/settings/template.toml")));
    assert!(template.len() > 15, "{template:?}");
    let operations = page("operations.md");
    let rows = operations
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeMap<String, String> = rows
        .filter_map(|row| row.split_once("` | `"))
        .filter_map(|(key, rest)| Some((key, rest.split_once('`')?.0)))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(documented, template);
}

#[test]
fn the_page_of_macros_names_those_that_the_engine_knows() {
    let integration = page("integration.md");
    let section = section(&integration, "## Macros");
    let named: BTreeSet<&str> = quoted(section)
        .filter_map(|text| text.strip_prefix('{')?.strip_suffix('}'))
        .collect();
    let known: BTreeSet<&str> = Macro::all().map(Macro::as_str).collect();
    assert_eq!(named, known);
    let (at_click, later) = section.split_once("Only known once").expect("both kinds");
    for name in Macro::all() {
        let part = if name.is_known_at_click() {
            at_click
        } else {
            later
        };
        assert!(
            part.contains(&format!("{{{name}}}")),
            "{name} is in the wrong place"
        );
    }
}

/// A section of a page, from its heading to the next of the same depth.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("\n{heading}\n"))
        .expect("the heading");
    rest.split("\n## ").next().unwrap_or_default()
}

#[test]
fn the_page_of_integration_has_every_reason_and_warning() {
    let integration = page("integration.md");
    let named: BTreeSet<&str> = quoted(&integration).collect();
    let clicks = ClickReason::ALL.iter().filter(|r| **r != ClickReason::None);
    let words = clicks
        .map(|reason| reason.as_str())
        .chain(ConversionReason::ALL.iter().map(|reason| reason.as_str()))
        .chain(Warning::ALL.iter().map(|warning| warning.as_str()));
    for word in words {
        assert!(named.contains(word), "{word} is not on the page");
    }
}

#[test]
fn every_error_code_has_its_section_and_every_section_its_code() {
    let errors = page("errors.md");
    let (problems, _) = errors
        .split_once("\n# Errors of the traffic listener\n")
        .expect("both parts");
    let sections: BTreeSet<&str> = problems
        .lines()
        .filter_map(|l| l.strip_prefix("## "))
        .collect();
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(sections, codes);
    for code in Code::ALL {
        let said = section(problems, &format!("## {code}"));
        let expect = format!(
            "**{}. {}.** {}",
            code.status().as_u16(),
            code.title(),
            code.explanation()
        );
        assert_eq!(said.trim(), expect, "{code}");
        assert_eq!(
            code.page().rsplit('/').next(),
            Some(code.as_str()),
            "its URL ends in its anchor"
        );
    }
}

/// Names of metrics in a text.
fn metrics(text: &str, before: char) -> BTreeSet<String> {
    let begin = format!("{before}weir_");
    let parts = text.split(&begin).skip(1);
    let names = parts.map(|part| {
        let name = part
            .split(|c: char| !(c.is_ascii_lowercase() || c == '_'))
            .next();
        format!("weir_{}", name.unwrap_or_default())
    });
    names.collect()
}

#[test]
fn every_metric_is_explained_and_every_explained_one_is_there() {
    let mut there = BTreeSet::new();
    for folder in [
        "api/src",
        "api/node/src",
        "actors/src",
        "actors/journal/src",
        "actors/stores/embedded/src",
        "actors/stores/mysql/src",
        "actors/stores/redis/src",
        "actors/stores/elasticsearch/src",
    ] {
        for file in files_below(&root().join(folder), ".rs") {
            if file.components().any(|part| part.as_os_str() == "tests") {
                continue;
            }
            let source = read(&file);
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            let lines = source.lines().filter(|line| {
                let is_name = line.contains("const ");
                is_name
                    || ["counter!(", "gauge!(", "histogram!("]
                        .iter()
                        .any(|m| line.contains(m))
            });
            lines.for_each(|line| there.extend(metrics(line, '"')));
        }
    }
    // Constants that are no metrics: how keys begin.
    there.retain(|name| !name.ends_with('_'));
    assert!(there.len() > 15, "{there:?}");
    let operations = page("operations.md");
    let explained = metrics(section(&operations, "## Metrics"), '`');
    assert_eq!(
        explained, there,
        "left: on the page of operations, right: in the code"
    );
}
