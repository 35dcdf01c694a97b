//! `table_privileges`, `role_table_grants` and `column_privileges`: who granted what to whom, of
//! what concerns the session's user.

use super::objects::yes;
use crate::pg_catalog::model::SystemCatalog;
use crate::pg_catalog::relation::Relation;
use crate::pg_catalog::roles;
use crate::pg_catalog::rows::{Row, row};
use cvx_engine::{Grant, PUBLIC_OID, Privileges, Securable};

/// One privilege that somebody granted.
struct Granted {
    by: Option<String>,
    to: Option<String>,
    word: &'static str,
    grantable: &'static str,
}

/// The rows of the views kept here.
pub fn rows(model: &SystemCatalog, name: &str) -> Option<Vec<Row>> {
    let is_users = |r: &&Relation| matches!(r.kind(), "r" | "v") && !r.is_system();
    let users = model.relations().iter().filter(is_users);
    Some(match name {
        "table_privileges" => users.flat_map(|r| on_table(model, r, true)).collect(),
        "role_table_grants" => users.flat_map(|r| on_table(model, r, false)).collect(),
        "column_privileges" => users.flat_map(|r| on_columns(model, r)).collect(),
        _ => return None,
    })
}

fn on_table(model: &SystemCatalog, r: &Relation, public: bool) -> Vec<Row> {
    let Some(on) = roles::securable(r) else { return Vec::new() };
    let db = &model.session.database;
    let row = |granted: Granted| {
        let Granted { by, to, word, grantable } = granted;
        let hierarchy = yes(word == "SELECT");
        row![by, to, db, &r.schema, &r.name, word, grantable, hierarchy]
    };
    granted(model, &on, public).into_iter().map(row).collect()
}

/// What is granted on the table is granted on each of its columns.
fn on_columns(model: &SystemCatalog, r: &Relation) -> Vec<Row> {
    let Some(table) = roles::securable(r) else { return Vec::new() };
    let db = &model.session.database;
    let of_column = Privileges::all_of(&Securable::Column(r.oid, 0));
    let on_table = granted(model, &table, true).into_iter();
    let on_table: Vec<Granted> = on_table
        .filter(|granted| Privileges::named(granted.word).is_some_and(|p| of_column.has(p)))
        .collect();
    let mut rows = Vec::new();
    for attribute in &r.attributes {
        let own = granted(model, &Securable::Column(r.oid, attribute.attnum), true);
        rows.extend(on_table.iter().chain(&own).map(|granted| {
            let Granted { by, to, word, grantable } = granted;
            let (by, to) = (by.clone(), to.clone());
            row![by, to, db, &r.schema, &r.name, &attribute.name, *word, *grantable]
        }));
    }
    rows
}

/// Grants that the session's user gave or was given, itself or through its groups.
fn granted(model: &SystemCatalog, on: &Securable, public: bool) -> Vec<Granted> {
    let access = &model.catalog.access;
    let reached = access.inherited(model.user_oid());
    let superuser = access.is_superuser(model.user_oid());
    let seen = |grant: &Grant| {
        superuser
            || reached.contains(&grant.grantee)
            || reached.contains(&grant.grantor)
            || (public && grant.grantee == PUBLIC_OID)
    };
    let name = |oid: u32| match oid {
        PUBLIC_OID => Some("PUBLIC".to_owned()),
        oid => roles::name_of(model, oid),
    };
    let one = |grant: Grant| {
        let (by, to) = (name(grant.grantor), name(grant.grantee));
        let owner = grant.grantee == access.owner(on);
        let each = move |(privilege, _, word): (Privileges, char, &'static str)| Granted {
            by: by.clone(),
            to: to.clone(),
            word,
            grantable: yes(owner || grant.grantable.has(privilege)),
        };
        grant.privileges.each().map(each).collect::<Vec<_>>()
    };
    access.acl(on).into_iter().filter(seen).flat_map(one).collect()
}
