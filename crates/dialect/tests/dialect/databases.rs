//! Statements about databases as a whole.

use cvx_dialect::{
    DatabaseOption, DatabaseStatement, ParseErrorKind, RoleName, SetOwner, Statement, parse,
};

use crate::one;

fn database(sql: &str) -> DatabaseStatement {
    match one(sql) {
        Statement::Database(statement) => *statement,
        other => panic!("{sql}: {other:?}"),
    }
}

fn options(sql: &str) -> Vec<DatabaseOption> {
    match database(sql) {
        DatabaseStatement::Create { options, .. } => options,
        other => panic!("{sql}: {other:?}"),
    }
}

fn other(word: &str, value: &str) -> DatabaseOption {
    DatabaseOption::Other(word.to_owned(), Some(value.to_owned()))
}

#[test]
fn options_are_written_in_many_ways() {
    assert_eq!(options("CREATE DATABASE x"), []);
    let expected = [
        DatabaseOption::Owner(Some(RoleName::Named("ada".into()))),
        other("ENCODING", "UTF8"),
        DatabaseOption::Template(Some("template0".into())),
        other("CONNECTION", "-1"),
    ];
    for sql in [
        "CREATE DATABASE x OWNER ada ENCODING 'UTF8' TEMPLATE template0 CONNECTION LIMIT -1",
        "CREATE DATABASE x WITH OWNER = ada ENCODING=UTF8 TEMPLATE = template0
         CONNECTION LIMIT = -1",
    ] {
        assert_eq!(options(sql), expected, "{sql}");
    }
    let defaults = options("create database x owner default template default encoding default");
    let encoding = DatabaseOption::Other("ENCODING".to_owned(), None);
    let expected = [DatabaseOption::Owner(None), DatabaseOption::Template(None), encoding];
    assert_eq!(defaults, expected);
}

#[test]
fn dropped_renamed_and_given_away() {
    for (sql, if_exists, force) in [
        ("DROP DATABASE x", false, false),
        ("DROP DATABASE IF EXISTS x", true, false),
        ("DROP DATABASE x WITH (FORCE)", false, true),
        ("DROP DATABASE IF EXISTS x (force)", true, true),
    ] {
        let expected = DatabaseStatement::Drop { name: "x".into(), if_exists, force };
        assert_eq!(database(sql), expected, "{sql}");
    }
    let renamed = DatabaseStatement::Rename { name: "x".into(), to: "y".into() };
    assert_eq!(database("ALTER DATABASE x RENAME TO y"), renamed);
    let given = one("ALTER DATABASE x OWNER TO CURRENT_USER");
    assert!(matches!(&given, Statement::SetOwner(set)
        if matches!(**set, SetOwner { kind: "DATABASE", owner: RoleName::CurrentUser, .. })));
}

#[test]
fn what_is_no_option() {
    for sql in [
        "CREATE DATABASE x NONSENSE",
        "CREATE DATABASE x ENCODING",
        "CREATE DATABASE x CONNECTION 3",
        "DROP DATABASE x WITH (NONSENSE)",
        "DROP DATABASE x, y",
        "ALTER DATABASE x OWNER TO PUBLIC",
    ] {
        assert_eq!(parse(sql).unwrap_err().kind, ParseErrorKind::SyntaxError, "{sql}");
    }
    for sql in ["ALTER DATABASE x SET a = 1", "ALTER DATABASE x CONNECTION LIMIT 3"] {
        assert_eq!(parse(sql).unwrap_err().kind, ParseErrorKind::Unsupported, "{sql}");
    }
}
