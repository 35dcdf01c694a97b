//! Who the session is: whoever logged in, until SET SESSION AUTHORIZATION or SET ROLE.
//!
//! Kept by OID beside the name that is shown, so that a role renamed, or dropped and made anew
//! under the same name, is never mistaken for another.

use super::SqlSession;
use super::vars::{ROLE_OID, SESSION_USER_OID};
use crate::access::Guard;
use cvx_types::Result;
use std::sync::Arc;

/// `SET ROLE NONE`.
pub(super) const NONE: &str = "none";
/// `SET SESSION AUTHORIZATION DEFAULT`.
pub(super) const DEFAULT: &str = "default";

impl SqlSession {
    /// Rights as the statement sees them: a role made earlier in the block is there.
    fn present_guard(&mut self) -> Guard {
        let own = self.block.txn().map(|txn| txn.access());
        self.guard_over(own.unwrap_or_else(|| Arc::clone(&self.engine.catalog().access)))
    }

    /// SET ROLE: takes on the rights of a role that the session's user belongs to.
    pub(super) fn set_role(&mut self, name: &str, local: bool) -> Result<()> {
        let guard = self.present_guard();
        let (shown, oid, superuser) = if name == NONE {
            (NONE.to_owned(), String::new(), guard.access().is_superuser(guard.session_user()))
        } else {
            let role = guard.may_become(name)?;
            (role.name.clone(), role.oid.to_string(), role.superuser)
        };
        let values = [("role", shown), (ROLE_OID, oid), ("is_superuser", on_off(superuser))];
        self.vars.set_identity(&values, local);
        Ok(())
    }

    /// SET SESSION AUTHORIZATION: another user altogether, for those who logged in as superusers.
    pub(super) fn set_session_user(&mut self, name: &str, local: bool) -> Result<()> {
        let guard = self.present_guard();
        let access = guard.access();
        let role = match access.role(self.login) {
            Some(login) if name == DEFAULT => login,
            _ => guard.may_be(name, self.login)?,
        };
        let values = [
            ("session_authorization", role.name.clone()),
            (SESSION_USER_OID, role.oid.to_string()),
            ("role", NONE.to_owned()),
            (ROLE_OID, String::new()),
            ("is_superuser", on_off(role.superuser)),
        ];
        self.vars.set_identity(&values, local);
        Ok(())
    }
}

pub(crate) fn on_off(on: bool) -> String {
    if on { "on".to_owned() } else { "off".to_owned() }
}
