//! The invariants of docs/architecture.md, as far as a test can see them in the source.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut todo = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found
}

#[track_caller]
fn none_has(folder: &str, but: &[&str], words: &[&str]) {
    for (path, text) in sources(folder) {
        if but.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        // Unit tests may say what they please.
        let code = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
        for (number, line) in code.filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let found = words.iter().find(|word| line.contains(**word));
            assert_eq!(found, None, "{}:{}: {line}", path.display(), number + 1);
        }
    }
}

#[test]
fn the_wire_knows_no_models_and_no_sql() {
    none_has(
        "src/wire",
        &[],
        &["sea_orm", "entity::", "crate::models", "crate::orm", "crate::database", "crate::app", "crate::routes"],
    );
}

#[test]
fn models_services_and_databases_know_no_http() {
    let http = ["axum", "jsonrpsee", "hyper", "crate::routes"];
    for folder in ["src/models", "src/orm", "src/services", "src/database"] {
        none_has(folder, &[], &http);
    }
}

#[test]
fn only_series_compares_series() {
    let comparisons = ["series >", "series <", "series == Series", "series != Series", "Series::V1"];
    none_has("src", &["series.rs"], &comparisons);
}

#[test]
fn sql_is_not_made_of_texts() {
    let texts = ["execute_unprepared", "Statement::from_string", "from_sql_and_values", "query_as("];
    none_has("src", &["dialect.rs", "connection.rs"], &texts);
}
