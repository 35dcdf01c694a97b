//! Runs `grammar/`: every accepted example parses, every rejected one is refused in the words it
//! says, and no production is without an example.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cvx_dialect::parse;

/// A statement with what its comments say of it.
struct Example {
    file: String,
    sql: String,
    productions: Vec<String>,
    error: Option<String>,
    sqlstate: Option<String>,
}

fn grammar() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../grammar")
}

fn examples(kind: &str) -> Vec<Example> {
    let mut paths: Vec<_> =
        fs::read_dir(grammar().join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
        text.split("\n\n").filter_map(|block| example(&file, block)).collect::<Vec<_>>()
    };
    paths.into_iter().flat_map(read).collect()
}

/// Examples are separated by empty lines; comments before one belong to it.
fn example(file: &str, block: &str) -> Option<Example> {
    let said = |key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(&format!("-- {key}: ")));
        line.map(|line| line.trim().to_owned())
    };
    let is_statement = block.lines().any(|line| !line.trim().is_empty() && !line.starts_with("--"));
    is_statement.then(|| Example {
        file: file.to_owned(),
        sql: block.trim().to_owned(),
        productions: said("production")
            .unwrap_or_else(|| panic!("{file}: no production named for {block}"))
            .split(", ")
            .map(str::to_owned)
            .collect(),
        error: said("error"),
        sqlstate: said("sqlstate"),
    })
}

#[test]
fn every_accepted_example_parses() {
    let examples = examples("accept");
    assert!(examples.len() > 80);
    for Example { file, sql, .. } in examples {
        let parsed = parse(&sql).unwrap_or_else(|error| panic!("{file}: {sql}\n{error:?}"));
        assert_eq!(parsed.len(), 1, "{file}: {sql}");
    }
}

#[test]
fn every_rejected_example_is_refused_in_its_words() {
    for Example { file, sql, error, sqlstate, .. } in examples("reject") {
        let expected = error.unwrap_or_else(|| panic!("{file}: no error named for {sql}"));
        let refused = match parse(&sql) {
            Err(refused) => refused,
            Ok(parsed) => panic!("{file}: parsed {sql}\n{parsed:?}"),
        };
        let words = format!("{}; {}", refused.message, refused.hint.clone().unwrap_or_default());
        assert!(words.contains(&expected), "{file}: {sql}\n{refused:?}");
        let sqlstate = sqlstate.unwrap_or_else(|| "42601".to_owned());
        assert_eq!(refused.kind.sqlstate(), sqlstate, "{file}: {sql}\n{refused:?}");
        let position = refused.position.unwrap_or_else(|| panic!("{file}: no position: {sql}"));
        assert!(position > 1 && position <= sql.chars().count() + 1, "{file}: {sql}\n{refused:?}");
    }
}

#[test]
fn every_production_has_an_example_and_every_example_a_production() {
    let ebnf = fs::read_to_string(grammar().join("cvx.ebnf")).unwrap();
    let defined: BTreeSet<String> = ebnf
        .lines()
        .filter(|line| line.starts_with(|ch: char| ch.is_ascii_lowercase()))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().to_owned())
        .collect();
    let all = examples("accept").into_iter().chain(examples("reject"));
    let used: BTreeSet<String> = all.flat_map(|example| example.productions).collect();
    assert!(defined.len() > 20);
    assert_eq!(defined, used);
}
