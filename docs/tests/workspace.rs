//! The arrows between crates, the licences and the banned crates, proved from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Each crate of the workspace with the crates of the workspace that it may depend on.
const ARROWS: [(&str, &[&str]); 13] = [
    ("weir-engine", &[]),
    ("weir-journal", &["weir-engine"]),
    ("weir-sql", &["weir-engine"]),
    ("weir-embedded", &["weir-engine", "weir-sql"]),
    ("weir-mysql", &["weir-engine", "weir-sql"]),
    ("weir-redis", &["weir-engine"]),
    ("weir-elasticsearch", &["weir-engine"]),
    ("weir-actors", &["weir-engine", "weir-journal"]),
    ("weir-api", &["weir-engine", "weir-actors"]),
    (
        "weir",
        &[
            "weir-engine",
            "weir-journal",
            "weir-sql",
            "weir-embedded",
            "weir-mysql",
            "weir-redis",
            "weir-elasticsearch",
            "weir-actors",
            "weir-api",
        ],
    ),
    (
        "weir-bench",
        &[
            "weir-engine",
            "weir-journal",
            "weir-embedded",
            "weir-mysql",
            "weir-actors",
            "weir-api",
        ],
    ),
    ("weir-loadtest", &[]),
    ("weir-docs", &[]),
];

/// What the pure domain must never be able to reach for.
const NOT_IN_ENGINE: [&str; 9] = [
    "tokio",
    "ractor",
    "hyper",
    "poem",
    "rusqlite",
    "getrandom",
    "rand",
    "reqwest",
    "metrics",
];

fn root() -> PathBuf {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR"));
    docs.parent().expect("the workspace").to_path_buf()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("metadata is JSON")
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().expect("packages").iter()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn is_ours(package: &Value) -> bool {
    package["source"].is_null()
}

#[test]
fn the_arrows_between_crates_are_those_of_the_architecture() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let mut seen = BTreeSet::new();
    for package in packages(&metadata).filter(|p| is_ours(p)) {
        let name = text(package, "name");
        seen.insert(name);
        let allowed = allowed
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in the picture"));
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let target = text(dependency, "name");
            let is_of_workspace = target == "weir" || target.starts_with("weir-");
            if is_of_workspace && text(dependency, "kind") != "dev" {
                assert!(
                    allowed.contains(&target),
                    "{name} must not depend on {target}"
                );
            }
        }
    }
    assert_eq!(
        seen,
        allowed.keys().copied().collect(),
        "crates of the picture"
    );
}

#[test]
fn the_engine_has_no_runtime_no_chance_and_no_product() {
    let metadata = metadata();
    let engine = packages(&metadata)
        .find(|p| text(p, "name") == "weir-engine")
        .expect("the engine");
    let direct = engine["dependencies"].as_array().expect("dependencies");
    for dependency in direct.iter().filter(|d| text(d, "kind") != "dev") {
        let name = text(dependency, "name");
        assert!(!NOT_IN_ENGINE.contains(&name), "engine depends on {name}");
    }
}

/// The list of a key in deny.toml: the words in quotes up to the closing bracket.
fn listed(key: &str) -> BTreeSet<String> {
    let deny = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let start = deny.find(&format!("\n{key} = [")).expect("the key");
    let list = &deny[start..start + deny[start..].find(']').expect("its end")];
    let lines = list.lines().filter(|l| !l.trim_start().starts_with('#'));
    let words = lines.flat_map(|l| {
        l.split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    words.collect()
}

#[test]
fn every_dependency_has_a_licence_that_we_may_use() {
    let allowed = listed("allow");
    let metadata = metadata();
    for package in packages(&metadata).filter(|p| !is_ours(p)) {
        let licence = text(package, "license").replace('/', " OR ");
        let is_allowed = licence.split(" OR ").any(|choice| {
            let parts = choice.trim_matches(['(', ')', ' ']).split(" AND ");
            parts
                .map(|p| p.trim_matches(['(', ')', ' ']))
                .all(|p| allowed.contains(p))
        });
        assert!(
            is_allowed,
            "{} {} has licence {licence:?}",
            text(package, "name"),
            text(package, "version")
        );
    }
}

/// Names of all crates that are built for any machine. The lock file has more: also those that only a feature which
/// nobody uses would bring in.
fn built() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--offline",
            "--target",
            "all",
        ])
        .args(["--edges", "all", "--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn no_banned_crate_is_in_the_tree_and_everything_comes_from_the_registry() {
    let banned = listed("deny");
    assert!(banned.contains("aws-lc-rs"), "{banned:?}");
    let built = built();
    assert!(built.contains("ring") && built.len() > 200);
    for name in &built {
        assert!(!banned.contains(name), "{name} is banned");
    }
    for package in packages(&metadata()).filter(|p| !is_ours(p)) {
        assert!(
            text(package, "source").starts_with("registry+"),
            "{} is not of the registry",
            text(package, "name")
        );
    }
}

/// The fold must give the same bits on every machine: the standard library's transcendental functions do not.
#[test]
fn nothing_that_is_folded_uses_functions_that_differ_between_machines() {
    let banned = [
        ".exp()", ".ln()", ".powf(", ".powi(", ".log10()", ".log2()", ".sin()", ".cos()", ".tanh()",
    ];
    let folders = ["engine/src", "actors/src"];
    for folder in folders {
        for file in rust_files(&root().join(folder)) {
            let source = std::fs::read_to_string(&file).expect("a source file");
            let product = source.split("#[cfg(test)]").next().unwrap_or_default();
            for word in banned {
                assert!(
                    !product.contains(word),
                    "{} uses {word}: take libm's",
                    file.display()
                );
            }
        }
    }
}

/// Names of modules that a source reaches for: the parts of its paths, and all that it imports.
fn reached_for(source: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut is_import = false;
    for line in code {
        let starts = line.trim_start();
        is_import |= starts.starts_with("use ") || starts.starts_with("pub use ");
        let is_of_path = |c: char| c.is_alphanumeric() || "_:".contains(c);
        for path in line.split(|c| !is_of_path(c)) {
            if is_import || path.contains("::") {
                found.extend(path.split("::"));
            }
        }
        is_import &= !line.contains(';');
    }
    found
}

#[test]
fn the_edge_and_the_admin_api_do_not_know_each_other() {
    for (own, other) in [("edge", "admin"), ("admin", "edge")] {
        let files = rust_files(&root().join("api/src").join(own));
        assert!(files.len() > 5, "{files:?}");
        for file in files {
            let source = std::fs::read_to_string(&file).expect("a source file");
            assert!(
                !reached_for(&source).contains(other),
                "{} reaches for {other}",
                file.display()
            );
        }
    }
}

#[test]
fn every_way_to_reach_for_a_module_is_seen() {
    let ways = [
        "use crate::admin;",
        "use crate::{api_key,\n    admin::Random};",
        "pub use super::super::admin as a;",
        "fn f() { crate::admin::app() }",
    ];
    for way in ways {
        assert!(reached_for(way).contains("admin"), "{way}");
    }
    for other in ["//! crate::admin", "let admin = 1;", "use crate::edge;"] {
        assert!(!reached_for(other).contains("admin"), "{other}");
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)
        .expect("a folder")
        .map(|e| e.expect("an entry").path())
    {
        if entry.is_dir() {
            files.extend(rust_files(&entry));
        } else if entry.extension().is_some_and(|e| e == "rs") {
            files.push(entry);
        }
    }
    files
}
