//! Roles and grants: what is read, and what of a password is ever shown.

use cvx_dialect::{
    GrantOn, ParseErrorKind, Password, RoleName, RoleOption, RoleStatement, Statement, parse,
};
use proptest::prelude::*;
use sqlparser::ast::Ident;

use crate::one;

fn role(sql: &str) -> RoleStatement {
    match one(sql) {
        Statement::Role(role) => *role,
        other => panic!("{sql}: {other:?}"),
    }
}

fn grant(sql: &str) -> cvx_dialect::Grant {
    match one(sql) {
        Statement::Grant(grant) => *grant,
        other => panic!("{sql}: {other:?}"),
    }
}

fn options(sql: &str) -> Vec<RoleOption> {
    match role(sql) {
        RoleStatement::Create { options, .. } | RoleStatement::Alter { options, .. } => options,
        other => panic!("{sql}: {other:?}"),
    }
}

fn secret(text: &str) -> RoleOption {
    RoleOption::Password(Password(Some(text.to_owned())))
}

#[test]
fn options_come_in_any_order() {
    let (login, no_login) = (RoleOption::Flag("LOGIN", true), RoleOption::Flag("LOGIN", false));
    let superuser = RoleOption::Flag("SUPERUSER", true);
    let valid = RoleOption::ValidUntil("2030-01-01".to_owned());
    for (sql, expected) in [
        ("CREATE ROLE r", vec![]),
        ("CREATE USER u", vec![login.clone()]),
        ("CREATE USER u NOLOGIN", vec![no_login]),
        ("CREATE ROLE r LOGIN PASSWORD 'x'", vec![login.clone(), secret("x")]),
        ("CREATE ROLE r WITH ENCRYPTED PASSWORD 'x' LOGIN", vec![secret("x"), login.clone()]),
        ("CREATE USER u WITH PASSWORD 'x'", vec![login, secret("x")]),
        ("ALTER USER u PASSWORD NULL", vec![RoleOption::Password(Password(None))]),
        ("ALTER ROLE u VALID UNTIL '2030-01-01' SUPERUSER", vec![valid, superuser]),
        ("ALTER ROLE u CONNECTION LIMIT -1", vec![RoleOption::ConnectionLimit("-1".to_owned())]),
        ("CREATE ROLE r IN ROLE a, b", vec![RoleOption::InRole(vec!["a".into(), "b".into()])]),
    ] {
        assert_eq!(options(sql), expected, "{sql}");
    }
    let dropped = RoleStatement::Drop { names: vec!["a".into(), "b".into()], if_exists: true };
    assert_eq!(role("DROP USER IF EXISTS a, b"), dropped);
    let renamed = RoleStatement::Rename { name: "a".into(), to: "b".into() };
    assert_eq!(role("ALTER ROLE a RENAME TO b"), renamed);
}

#[test]
fn grants_are_on_what_they_say() {
    let tables = |names: &[&str]| {
        GrantOn::Tables(names.iter().map(|name| Ident::new(*name).into()).collect())
    };
    let read = grant("GRANT SELECT, INSERT ON docs, b TO ada, PUBLIC WITH GRANT OPTION");
    let words: Vec<&str> = read.privileges.iter().map(|word| word.name.as_str()).collect();
    assert_eq!((words, read.option, read.revokes), (vec!["SELECT", "INSERT"], true, false));
    assert_eq!(read.on, tables(&["docs", "b"]));
    assert_eq!(read.grantees, [RoleName::Named("ada".into()), RoleName::Public]);
    let taken = grant("REVOKE GRANT OPTION FOR ALL PRIVILEGES ON TABLE docs FROM ada CASCADE");
    assert!(taken.revokes && taken.option && taken.cascade && taken.privileges.is_empty());
    let column = grant("GRANT SELECT, UPDATE (a) ON docs TO x");
    assert_eq!(column.privileges[1].columns, ["a".into()]);
    let named = |words: &str| grant(&format!("GRANT ALL ON {words} TO x")).on;
    assert_eq!(named("ALL TABLES IN SCHEMA s"), GrantOn::AllTables(vec!["s".into()]));
    assert_eq!(named("SCHEMA s, t"), GrantOn::Schemas(vec!["s".into(), "t".into()]));
    assert_eq!(named("DATABASE cvx"), GrantOn::Databases(vec!["cvx".into()]));
    assert_eq!(named("schema"), tables(&["schema"]));
    assert!(matches!(named("PROCEDURE cvx.seal(text)"), GrantOn::Calls(names) if names.len() == 1));
    let refused = parse("GRANT USAGE ON SEQUENCE s TO x").unwrap_err();
    assert_eq!(refused.kind, ParseErrorKind::Unsupported);
}

#[test]
fn membership_is_no_privilege() {
    for (sql, revokes, admin) in [
        ("GRANT staff, other TO ada", false, false),
        ("GRANT staff, other TO ada WITH ADMIN OPTION", false, true),
        ("REVOKE ADMIN OPTION FOR staff, other FROM ada", true, true),
        ("REVOKE staff, other FROM ada", true, false),
    ] {
        let Statement::GrantRole(read) = one(sql) else { panic!("{sql}") };
        assert_eq!((read.revokes, read.admin, read.roles.len()), (revokes, admin, 2), "{sql}");
    }
}

#[test]
fn owners() {
    for (sql, kind) in [
        ("ALTER TABLE docs OWNER TO x", "TABLE"),
        ("ALTER VIEW IF EXISTS s.v OWNER TO CURRENT_USER", "VIEW"),
        ("ALTER SCHEMA s OWNER TO x", "SCHEMA"),
    ] {
        assert!(matches!(one(sql), Statement::SetOwner(set) if set.kind == kind), "{sql}");
    }
    assert!(matches!(one("ALTER TABLE docs RENAME TO d"), Statement::Sql(_)));
    assert!(matches!(one("ALTER TABLE docs ALTER a SET STORAGE plain"), Statement::SetColumn(_)));
}

#[test]
fn broken_ones_are_refused() {
    for sql in [
        "CREATE ROLE",
        "CREATE ROLE r PASSWORD",
        "CREATE ROLE r NONSENSE",
        "CREATE ROLE r VALID 'x'",
        "ALTER ROLE PUBLIC RENAME TO x",
        "GRANT SELECT ON docs",
        "GRANT SELECT docs TO x",
        "GRANT SELECT (a) TO x",
        "GRANT ON docs TO x",
        "GRANT EXECUTE ON PROCEDURE cvx.seal(text TO x",
        "REVOKE SELECT ON docs TO x",
        "ALTER TABLE docs OWNER x",
        "ALTER TABLE docs OWNER TO PUBLIC",
        "DROP ROLE",
    ] {
        assert!(parse(sql).is_err(), "{sql}");
    }
}

/// Debug forms of statements end up in logs.
#[test]
fn a_password_is_in_no_debug_form() {
    let shown = format!("{:?}", one("CREATE ROLE r PASSWORD 'hunter2'"));
    assert!(!shown.contains("hunter2"), "{shown}");
    for sql in [
        "PASSWORD hunter2",
        "PASSWORD 'x' 'hunter2'",
        "PASSWORD = 'hunter2'",
        "'hunter2'",
        "PASSWORD 'hunter2",
    ] {
        let error = parse(&format!("ALTER ROLE r {sql}")).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{sql}: {error:?}");
    }
}

proptest! {
    /// Words of these statements in any order are a statement or an error.
    #[test]
    fn any_words(words in prop::collection::vec(prop::sample::select(vec![
        "CREATE", "ALTER", "DROP", "ROLE", "USER", "GRANT", "REVOKE", "ON", "TO", "FROM", "ALL",
        "TABLES", "IN", "SCHEMA", "docs", "(", ")", ",", "'x'", "PASSWORD", "VALID", "UNTIL", "WITH",
        "OPTION", "ADMIN", "FOR", "PROCEDURE", "OWNER", "TABLE", "CONNECTION", "LIMIT", "-", "1",
        "PUBLIC", "CASCADE", ".", "\"q\"", "GROUP", "IF", "EXISTS", "RENAME",
    ]), 1..14)) {
        let _ = parse(&words.join(" "));
        let _ = parse(&format!("GRANT {}", words.join(" ")));
        let _ = parse(&format!("CREATE ROLE {}", words.join(" ")));
    }
}
