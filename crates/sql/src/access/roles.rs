//! CREATE, ALTER and DROP ROLE; membership.

use super::Guard;
use crate::bind::ident_name;
use crate::ddl::DdlPlan;
use crate::plan::StatementCx;
use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use cvx_auth::Verifier;
use cvx_dialect::{GrantRole, Password, RoleName, RoleOption, RoleStatement};
use cvx_engine::{AccessChange, CatalogChange, Membership, Role, SUPERUSER_OID, Secret, Securable};
use cvx_session::Notice;
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::Ident;

/// 2BP01: others hang on it.
const DEPENDENTS: SqlState = SqlState("2BP01");
/// 0LP01: a grant that makes no sense.
const INVALID_GRANT: SqlState = SqlState("0LP01");
/// 42939: the name is the system's.
const RESERVED_NAME: SqlState = SqlState("42939");
/// 55006: the session is using it.
const IN_USE: SqlState = SqlState("55006");

pub(super) fn plan(cx: &StatementCx<'_>, statement: &RoleStatement) -> Result<DdlPlan> {
    match statement {
        RoleStatement::Create { name, options } => create(cx, name, options),
        RoleStatement::Alter { role, options } => alter(cx, role, options),
        RoleStatement::Rename { name, to } => rename(cx, name, to),
        RoleStatement::Drop { names, if_exists } => drop_all(cx, names, *if_exists),
    }
}

fn access(change: AccessChange) -> CatalogChange {
    CatalogChange::Access(change)
}

fn refused(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INSUFFICIENT_PRIVILEGE, message)
}

/// What a statement's options make of a role.
#[derive(Debug)]
struct Said {
    role: Role,
    in_roles: Vec<u32>,
    members: Vec<(u32, bool)>,
    notices: Vec<Notice>,
}

impl Said {
    fn of(role: Role) -> Self {
        Self { role, in_roles: Vec::new(), members: Vec::new(), notices: Vec::new() }
    }

    fn take(&mut self, cx: &StatementCx<'_>, option: &RoleOption) -> Result<()> {
        let guard = &cx.guard;
        let role = &mut self.role;
        match option {
            RoleOption::Flag("SUPERUSER", on) => role.superuser = *on,
            RoleOption::Flag("CREATEDB", on) => role.create_db = *on,
            RoleOption::Flag("CREATEROLE", on) => role.create_role = *on,
            RoleOption::Flag("INHERIT", on) => role.inherit = *on,
            RoleOption::Flag("LOGIN", on) => role.login = *on,
            RoleOption::Flag("REPLICATION", on) => role.replication = *on,
            RoleOption::Flag(_, on) => role.bypass_rls = *on,
            RoleOption::Password(password) => {
                role.verifier = verifier(password, &mut self.notices)?;
            }
            RoleOption::ValidUntil(text) => role.valid_until_us = moment(cx, text)?,
            RoleOption::ConnectionLimit(text) if text == "-1" => {}
            RoleOption::ConnectionLimit(_) => {
                return Err(SqlError::unsupported("CONNECTION LIMIT of a role")
                    .hint("connections_max in the configuration is for all of them."));
            }
            RoleOption::InRole(names) => self.in_roles.extend(oids(guard, names)?),
            RoleOption::Members(names) => {
                self.members.extend(oids(guard, names)?.into_iter().map(|oid| (oid, false)));
            }
            RoleOption::Admins(names) => {
                self.members.extend(oids(guard, names)?.into_iter().map(|oid| (oid, true)));
            }
        }
        Ok(())
    }
}

fn oids(guard: &Guard, names: &[Ident]) -> Result<Vec<u32>> {
    names.iter().map(|name| Ok(guard.role_named(&ident_name(name))?.oid)).collect()
}

/// The verifier that is kept: of a password, or as it was given.
fn verifier(password: &Password, notices: &mut Vec<Notice>) -> Result<Option<Secret>> {
    let Some(text) = &password.0 else { return Ok(None) };
    if text.is_empty() {
        notices.push(notice("empty string is not a valid password, clearing password"));
        return Ok(None);
    }
    if Verifier::parse(text).is_some() {
        return Ok(Some(Secret(text.clone())));
    }
    let md5 = text.strip_prefix("md5").filter(|hex| hex.len() == 32);
    if md5.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(SqlError::unsupported("an MD5 password")
            .hint("Give the password itself, or its SCRAM-SHA-256 verifier."));
    }
    new_role_secret(text).map(Some)
}

/// The verifier of a new password.
pub(crate) fn new_role_secret(password: &str) -> Result<Secret> {
    let verifier = Verifier::of_password(password).ok_or_else(no_randomness)?;
    Ok(Secret(verifier.to_string()))
}

fn no_randomness() -> SqlError {
    SqlError::new(SqlState::INTERNAL_ERROR, "no randomness for a salt")
}

fn notice(message: impl Into<String>) -> Notice {
    Notice { severity: "NOTICE", state: "00000", message: message.into() }
}

fn moment(cx: &StatementCx<'_>, text: &str) -> Result<Option<i64>> {
    let read = cvx_types::parse_text(&PgType::Timestamptz, -1, text, &cx.settings)?;
    let read = read.as_primitive::<TimestampMicrosecondType>();
    let us = (!read.is_null(0)).then(|| read.value(0));
    // 'infinity' is never.
    Ok(us.filter(|us| *us != i64::MAX))
}

fn free_name(ident: &Ident) -> Result<String> {
    let name = ident_name(ident);
    let reserved = name.starts_with("pg_") || matches!(name.as_str(), "public" | "none" | "");
    if reserved {
        return Err(SqlError::new(RESERVED_NAME, format!("role name \"{name}\" is reserved")));
    }
    Ok(name)
}

fn create(cx: &StatementCx<'_>, name: &Ident, options: &[RoleOption]) -> Result<DdlPlan> {
    let guard = &cx.guard;
    let creator = guard.access().role(guard.user());
    if !guard.is_superuser() && !creator.is_some_and(|role| role.create_role) {
        return Err(refused("permission denied to create role")
            .detail("Only roles with the CREATEROLE attribute may create roles."));
    }
    let mut said = Said::of(Role::group(0, &free_name(name)?));
    options.iter().try_for_each(|option| said.take(cx, option))?;
    may_have(guard, &said.role, None)?;
    for group in &said.in_roles {
        may_give_out(guard, *group)?;
    }
    if !guard.is_superuser() {
        // Who makes a role may look after it.
        said.members.push((guard.user(), true));
    }
    let Said { role, in_roles: member_of, members, notices } = said;
    let grantor = guard.user();
    let create = AccessChange::CreateRole { role, member_of, members, grantor };
    let mut plan = DdlPlan::new("CREATE ROLE");
    if guard.access().mock_secret.is_none() {
        let secret = cvx_auth::random().ok_or_else(no_randomness)?;
        plan.changes.push(access(AccessChange::SetMockSecret(secret)));
    }
    plan.changes.push(access(create));
    plan.notices = notices;
    Ok(plan)
}

/// Attributes that only superusers give, or take.
fn may_have(guard: &Guard, role: &Role, before: Option<&Role>) -> Result<()> {
    if guard.is_superuser() {
        return Ok(());
    }
    let old = before.map_or([false; 3], |role| [role.superuser, role.replication, role.bypass_rls]);
    let new = [role.superuser, role.replication, role.bypass_rls];
    let names = ["SUPERUSER", "REPLICATION", "BYPASSRLS"];
    let changed = names.iter().zip(old.iter().zip(&new)).find(|(_, (old, new))| old != new);
    match changed {
        Some((attribute, _)) => Err(refused(match before {
            Some(_) => "permission denied to alter role",
            None => "permission denied to create role",
        })
        .detail(format!(
            "Only roles with the {attribute} attribute may change the {attribute} attribute."
        ))),
        None => Ok(()),
    }
}

fn alter(cx: &StatementCx<'_>, name: &RoleName, options: &[RoleOption]) -> Result<DdlPlan> {
    let guard = &cx.guard;
    let before = guard.role(name)?;
    let own_password = before.oid == guard.user()
        && options.iter().all(|option| matches!(option, RoleOption::Password(_)));
    if !own_password {
        may_alter(guard, before, "alter")?;
    }
    let mut said = Said::of(before.clone());
    options.iter().try_for_each(|option| said.take(cx, option))?;
    if !said.in_roles.is_empty() {
        return Err(SqlError::unsupported("ALTER ROLE ... IN ROLE").hint("Use GRANT."));
    }
    if before.oid == SUPERUSER_OID && !said.role.superuser {
        let message = format!("role \"{}\" must have the SUPERUSER attribute", before.name);
        return Err(
            SqlError::unsupported("taking SUPERUSER from the first superuser").detail(message)
        );
    }
    may_have(guard, &said.role, Some(before))?;
    let mut plan = DdlPlan::new("ALTER ROLE");
    for (member, admin) in said.members {
        plan.changes.push(join(guard, before.oid, member, admin)?);
    }
    plan.changes.push(access(AccessChange::AlterRole(said.role)));
    plan.notices = said.notices;
    Ok(plan)
}

/// Superusers look after all; others after roles that are theirs to look after.
fn may_alter(guard: &Guard, role: &Role, verb: &str) -> Result<()> {
    let own = guard.access().role(guard.user());
    let creates = own.is_some_and(|own| own.create_role);
    let looks_after = guard.access().administers(guard.user(), role.oid);
    if guard.is_superuser() || (creates && looks_after && !role.superuser) {
        return Ok(());
    }
    let detail = format!(
        "Only roles with the CREATEROLE attribute and the ADMIN option on role \"{}\" may {verb} \
         this role.",
        role.name
    );
    Err(refused(format!("permission denied to {verb} role")).detail(detail))
}

/// Who may change a role may comment on it.
pub(super) fn may_comment(guard: &Guard, role: u32) -> Result<()> {
    guard.access().role(role).map_or(Ok(()), |role| may_alter(guard, role, "comment on"))
}

fn rename(cx: &StatementCx<'_>, name: &Ident, to: &Ident) -> Result<DdlPlan> {
    let guard = &cx.guard;
    let role = guard.role_named(&ident_name(name))?;
    may_alter(guard, role, "rename")?;
    refuse_own(guard, role, "renamed")?;
    let renamed = Role { name: free_name(to)?, ..role.clone() };
    refuse_predefined(role)?;
    Ok(DdlPlan::change("ALTER ROLE", access(AccessChange::AlterRole(renamed))))
}

fn refuse_own(guard: &Guard, role: &Role, verb: &str) -> Result<()> {
    let whose = if role.oid == guard.user() {
        "current user"
    } else if role.oid == guard.session_user {
        "session user"
    } else {
        return Ok(());
    };
    Err(SqlError::new(IN_USE, format!("{whose} cannot be {verb}")))
}

fn refuse_predefined(role: &Role) -> Result<()> {
    if role.oid < cvx_engine::FIRST_OID {
        let message =
            format!("cannot drop role {} because it is required by the database system", role.name);
        return Err(SqlError::new(DEPENDENTS, message));
    }
    Ok(())
}

fn drop_all(cx: &StatementCx<'_>, names: &[Ident], if_exists: bool) -> Result<DdlPlan> {
    let guard = &cx.guard;
    let mut plan = DdlPlan::new("DROP ROLE");
    for name in names {
        let name = ident_name(name);
        let role = match guard.role_named(&name) {
            Ok(role) => role,
            Err(_) if if_exists => {
                plan = plan.notice(format!("role \"{name}\" does not exist, skipping"));
                continue;
            }
            Err(error) => return Err(error),
        };
        may_alter(guard, role, "drop")?;
        refuse_own(guard, role, "dropped")?;
        refuse_predefined(role)?;
        let dependents = guard.access().dependents(role.oid);
        if !dependents.is_empty() {
            let lines: Vec<String> =
                dependents.iter().map(|on| dependency(cx, role.oid, on)).collect();
            let message =
                format!("role \"{name}\" cannot be dropped because some objects depend on it");
            return Err(SqlError::new(DEPENDENTS, message).detail(lines.join("\n")));
        }
        plan.changes.push(access(AccessChange::DropRole { oid: role.oid }));
    }
    Ok(plan)
}

/// A table or view in words, with its database where that is another one.
fn relation(cx: &StatementCx<'_>, oid: u32) -> String {
    for database in cx.catalog.databases.values() {
        let table = database.tables.values().find(|table| table.oid == oid);
        let view = database.views.values().find(|view| view.oid == oid);
        let words = match (table, view) {
            (Some(table), _) => format!("table {}", table.name),
            (_, Some(view)) => format!("view {}", view.name),
            (None, None) => continue,
        };
        let here = database.oid == cx.catalog.here.oid;
        return if here { words } else { format!("{words} in database {}", database.name) };
    }
    String::new()
}

fn dependency(cx: &StatementCx<'_>, role: u32, on: &Securable) -> String {
    let database = |oid: &u32| {
        let found = cx.catalog.databases.get(oid);
        format!("database {}", found.map_or("", |database| database.name.as_str()))
    };
    let what = match on {
        Securable::Relation(oid) => relation(cx, *oid),
        Securable::Column(oid, _) => format!("a column of {}", relation(cx, *oid)),
        Securable::Schema(within, name) if *within == cx.catalog.here.oid => {
            format!("schema {name}")
        }
        Securable::Schema(within, name) => format!("schema {name} in {}", database(within)),
        Securable::Call(name) => format!("procedure {name}"),
        Securable::Database(oid) => database(oid),
    };
    let owns = cx.guard.access().owner(on) == role;
    if owns { format!("owner of {what}") } else { format!("privileges for {what}") }
}

/// GRANT role TO role, and its reverse.
pub(super) fn membership(cx: &StatementCx<'_>, grant: &GrantRole) -> Result<DdlPlan> {
    let guard = &cx.guard;
    let tag = if grant.revokes { "REVOKE ROLE" } else { "GRANT ROLE" };
    let mut plan = DdlPlan::new(tag);
    for group in &grant.roles {
        let group = guard.role_named(&ident_name(group))?;
        may_give_out(guard, group.oid)?;
        for member in &grant.members {
            if *member == RoleName::Public {
                let message = "role \"public\" cannot be a member of a role";
                return Err(SqlError::new(INVALID_GRANT, message));
            }
            let member = guard.role(member)?;
            let is_member = guard
                .access()
                .members
                .iter()
                .any(|entry| entry.role == group.oid && entry.member == member.oid);
            if !grant.revokes {
                plan.changes.push(join(guard, group.oid, member.oid, grant.admin)?);
            } else if is_member {
                let (role, member, admin_only) = (group.oid, member.oid, grant.admin);
                let change = AccessChange::RemoveMember { role, member, admin_only };
                plan.changes.push(access(change));
            } else {
                let (member, group) = (&member.name, &group.name);
                let message = format!("role \"{member}\" is not a member of role \"{group}\"");
                plan.notices.push(Notice { severity: "WARNING", state: "01000", message });
            }
        }
    }
    Ok(plan)
}

fn may_give_out(guard: &Guard, group: u32) -> Result<()> {
    if guard.is_superuser() {
        return Ok(());
    }
    let role = guard.access().role(group);
    let name = role.map_or("", |role| role.name.as_str());
    let superuser = role.is_some_and(|role| role.superuser);
    if !superuser && guard.access().administers(guard.user(), group) {
        return Ok(());
    }
    Err(refused(format!("permission denied to grant role \"{name}\"")).detail(format!(
        "Only roles with the ADMIN option on role \"{name}\" may grant this role."
    )))
}

fn join(guard: &Guard, role: u32, member: u32, admin: bool) -> Result<CatalogChange> {
    if guard.access().memberships(role).contains(&member) {
        let name = |oid| guard.access().role(oid).map_or("", |role| role.name.as_str());
        let message = format!("role \"{}\" is a member of role \"{}\"", name(role), name(member));
        return Err(SqlError::new(INVALID_GRANT, message));
    }
    let grantor = guard.user();
    Ok(access(AccessChange::AddMember(Membership { role, member, grantor, admin })))
}
