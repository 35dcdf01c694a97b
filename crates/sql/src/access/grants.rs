//! GRANT and REVOKE of privileges.

use super::denied;
use crate::bind::{ident_name, object_name};
use crate::ddl::DdlPlan;
use crate::plan::{StatementCx, undefined_database, undefined_table};
use cvx_dialect::{Grant, GrantOn, PrivilegeWord, RoleName};
use cvx_engine::{AccessChange, CatalogChange, PUBLIC_OID, Privileges, Securable};
use cvx_session::Notice;
use cvx_types::{Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};

/// 0LP01: a grant that makes no sense.
const INVALID_GRANT: SqlState = SqlState("0LP01");

/// Something that privileges are on, with its words in messages.
struct Target {
    on: Securable,
    kind: &'static str,
    name: String,
}

pub(super) fn plan(cx: &StatementCx<'_>, grant: &Grant) -> Result<DdlPlan> {
    if let Some(by) = &grant.granted_by
        && cx.guard.role(by)?.oid != cx.guard.user()
    {
        return Err(SqlError::unsupported("GRANTED BY anybody but the current user"));
    }
    let grantees = grantees(cx, grant)?;
    let mut plan = DdlPlan::new(if grant.revokes { "REVOKE" } else { "GRANT" });
    let (whole, columns): (Vec<_>, Vec<_>) =
        grant.privileges.iter().partition(|word| word.columns.is_empty());
    if columns.is_empty() || !whole.is_empty() {
        for target in targets(cx, &grant.on)? {
            let wanted = privileges(&whole, &target)?;
            add(cx, grant, &target, wanted, &grantees, &mut plan)?;
        }
    }
    for word in columns {
        for target in columns_of(cx, &grant.on, &word.columns)? {
            let wanted = match word.name.as_str() {
                "ALL" => Privileges::all_of(&target.on),
                _ => privileges(&[word], &target)?,
            };
            add(cx, grant, &target, wanted, &grantees, &mut plan)?;
        }
    }
    Ok(plan)
}

fn grantees(cx: &StatementCx<'_>, grant: &Grant) -> Result<Vec<u32>> {
    let oid = |name: &RoleName| match name {
        RoleName::Public if grant.option && !grant.revokes => {
            Err(SqlError::new(INVALID_GRANT, "grant options can only be granted to roles"))
        }
        RoleName::Public => Ok(PUBLIC_OID),
        name => Ok(cx.guard.role(name)?.oid),
    };
    grant.grantees.iter().map(oid).collect()
}

/// The privileges that are spoken of, all of which there must be on such a thing.
fn privileges(words: &[&PrivilegeWord], target: &Target) -> Result<Privileges> {
    let all = Privileges::all_of(&target.on);
    if words.is_empty() {
        return Ok(all);
    }
    let mut wanted = Privileges::NONE;
    for word in words {
        let Some(privilege) = Privileges::named(&word.name) else {
            let message = format!("unrecognized privilege type \"{}\"", word.name.to_lowercase());
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
        };
        if !all.has(privilege) {
            let kind = if target.kind == "table" { "relation" } else { target.kind };
            let message = format!("invalid privilege type {} for {kind}", word.name);
            return Err(SqlError::new(INVALID_GRANT, message));
        }
        wanted |= privilege;
    }
    Ok(wanted)
}

fn add(
    cx: &StatementCx<'_>,
    grant: &Grant,
    target: &Target,
    wanted: Privileges,
    grantees: &[u32],
    plan: &mut DdlPlan,
) -> Result<()> {
    let guard = &cx.guard;
    let (access, on) = (guard.access(), &target.on);
    let grantable = access.grantable(guard.user(), on);
    let privileges = wanted & grantable;
    if privileges.is_empty() {
        return Err(denied(&format!("{} {}", target.kind, target.name)));
    }
    if privileges != wanted && !grant.privileges.is_empty() {
        let (verb, state) = if grant.revokes { ("revoked", "01006") } else { ("granted", "01007") };
        let message = format!("not all privileges could be {verb} for \"{}\"", target.name);
        plan.notices.push(Notice { severity: "WARNING", state, message });
    }
    // Superusers and members of the owner act as the owner.
    let as_owner = access.owns(guard.user(), on);
    let grantor = if as_owner { access.owner(on) } else { guard.user() };
    for grantee in grantees {
        plan.changes.push(CatalogChange::Access(if grant.revokes {
            AccessChange::Revoke {
                on: on.clone(),
                grantee: *grantee,
                grantor: (!as_owner).then_some(grantor),
                privileges,
                option_only: grant.option,
                cascade: grant.cascade,
            }
        } else {
            let grantable = if grant.option { privileges } else { Privileges::NONE };
            let grantee = *grantee;
            let grant = cvx_engine::Grant { grantee, grantor, privileges, grantable };
            AccessChange::Grant { on: on.clone(), grant }
        }));
    }
    Ok(())
}

fn targets(cx: &StatementCx<'_>, on: &GrantOn) -> Result<Vec<Target>> {
    match on {
        GrantOn::Tables(names) => names.iter().map(|name| relation(cx, name)).collect(),
        GrantOn::AllTables(schemas) => {
            let schemas = known_schemas(cx, schemas)?;
            Ok(all_relations(cx, &schemas))
        }
        GrantOn::Schemas(names) => {
            let target = |name: String| Target { on: cx.guard.schema(&name), kind: "schema", name };
            Ok(known_schemas(cx, names)?.into_iter().map(target).collect())
        }
        GrantOn::Calls(names) => names.iter().map(call).collect(),
        GrantOn::AllCalls(schemas) => {
            let ours = schemas.iter().any(|schema| ident_name(schema) == "cvx");
            let all = crate::admin::PROCEDURES.iter().filter(|_| ours);
            Ok(all.map(|name| procedure((*name).to_owned())).collect())
        }
        GrantOn::Databases(names) => names.iter().map(|name| database(cx, name)).collect(),
    }
}

fn relation(cx: &StatementCx<'_>, name: &ObjectName) -> Result<Target> {
    let parts = object_name(name);
    if let Some(table) = cx.find_table(&parts) {
        let on = Securable::Relation(table.oid);
        return Ok(Target { on, kind: "table", name: table.name.clone() });
    }
    if let Some(view) = cx.find_view(&parts) {
        let on = Securable::Relation(view.oid);
        return Ok(Target { on, kind: "table", name: view.name.clone() });
    }
    if cx.check_system_table(name).is_ok() {
        return Err(SqlError::unsupported("GRANT and REVOKE on a table of the system"));
    }
    Err(undefined_table(&parts.join(".")))
}

/// Columns of tables, each by itself.
fn columns_of(cx: &StatementCx<'_>, on: &GrantOn, columns: &[Ident]) -> Result<Vec<Target>> {
    let GrantOn::Tables(names) = on else {
        let message = "column privileges are only valid for relations";
        return Err(SqlError::new(INVALID_GRANT, message));
    };
    let mut targets = Vec::new();
    for name in names {
        relation(cx, name)?;
        let Some(table) = cx.find_table(&object_name(name)) else {
            return Err(SqlError::unsupported("a privilege on columns of a view"));
        };
        for column in columns {
            let column = crate::dml::column(&table, &ident_name(column))?;
            targets.push(Target {
                on: Securable::Column(table.oid, column.attnum),
                kind: "column",
                name: format!("\"{}\" of relation \"{}\"", column.name, table.name),
            });
        }
    }
    Ok(targets)
}

fn all_relations(cx: &StatementCx<'_>, schemas: &[String]) -> Vec<Target> {
    let target = |oid, name: &String| Target {
        on: Securable::Relation(oid),
        kind: "table",
        name: name.clone(),
    };
    let inside = |schema: &String| schemas.contains(schema);
    let tables = cx.catalog.here.tables.values().filter(|table| inside(&table.schema));
    let views = cx.catalog.here.views.values().filter(|view| inside(&view.schema));
    tables
        .map(|table| target(table.oid, &table.name))
        .chain(views.map(|view| target(view.oid, &view.name)))
        .collect()
}

fn known_schemas(cx: &StatementCx<'_>, names: &[Ident]) -> Result<Vec<String>> {
    let known = |name: &Ident| {
        let name = ident_name(name);
        if matches!(name.as_str(), "pg_catalog" | "information_schema" | "cvx") {
            return Err(SqlError::unsupported("GRANT and REVOKE on a schema of the system"));
        }
        if cx.catalog.here.schemas.contains(&name) {
            return Ok(name);
        }
        let message = format!("schema \"{name}\" does not exist");
        Err(SqlError::new(SqlState::INVALID_SCHEMA_NAME, message))
    };
    names.iter().map(known).collect()
}

fn call(name: &ObjectName) -> Result<Target> {
    let name = object_name(name).join(".");
    if crate::admin::PROCEDURES.contains(&name.as_str()) {
        return Ok(procedure(name));
    }
    let message = format!("procedure {name} does not exist");
    Err(SqlError::new(SqlState::UNDEFINED_FUNCTION, message)
        .hint("Privileges are on the procedures of the schema cvx; functions are everybody's."))
}

fn procedure(name: String) -> Target {
    Target { on: Securable::Call(name.clone()), kind: "procedure", name }
}

fn database(cx: &StatementCx<'_>, name: &Ident) -> Result<Target> {
    let name = ident_name(name);
    let found = cx.catalog.database(&name).ok_or_else(|| undefined_database(&name))?;
    Ok(Target { on: Securable::Database(found.oid), kind: "database", name })
}
