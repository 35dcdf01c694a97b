//! Rights as PostgreSQL derives them.

use super::*;
use crate::core::Numbers;
use proptest::prelude::*;
use std::sync::atomic::AtomicU32;

const TABLE: Securable = Securable::Relation(50_000);

struct World {
    access: Access,
    numbers: Numbers,
}

impl World {
    fn new() -> Self {
        let from = |n| AtomicU32::new(n);
        let numbers = Numbers { oid: from(20_000), space: from(1), sequence: from(1) };
        Self { access: Access::initial(), numbers }
    }

    fn apply(&mut self, change: AccessChange) -> crate::Result<()> {
        self.access.apply(change, &self.numbers)
    }

    fn role(&mut self, name: &str) -> u32 {
        let role = Role::group(0, name);
        let (member_of, members) = (Vec::new(), Vec::new());
        let grantor = SUPERUSER_OID;
        self.apply(AccessChange::CreateRole { role, member_of, members, grantor }).unwrap();
        self.access.role_named(name).unwrap().oid
    }

    fn join(&mut self, member: u32, role: u32) -> crate::Result<()> {
        let grantor = SUPERUSER_OID;
        self.apply(AccessChange::AddMember(Membership { role, member, grantor, admin: false }))
    }

    fn grant(&mut self, grantor: u32, grantee: u32, privileges: Privileges, grantable: Privileges) {
        let grant = Grant { grantee, grantor, privileges, grantable };
        self.apply(AccessChange::Grant { on: TABLE, grant }).unwrap();
    }

    fn revoke(&mut self, grantee: u32, cascade: bool) -> crate::Result<()> {
        let (on, privileges) = (TABLE, Privileges::SELECT);
        let (grantor, option_only) = (None, false);
        self.apply(AccessChange::Revoke { on, grantee, grantor, privileges, option_only, cascade })
    }

    fn reads(&self, role: u32) -> bool {
        self.access.held(role, &TABLE).has(Privileges::SELECT)
    }
}

#[test]
fn rights_come_through_groups_and_from_nowhere_else() {
    let mut world = World::new();
    let (ada, eve, staff) = (world.role("ada"), world.role("eve"), world.role("staff"));
    world.grant(SUPERUSER_OID, staff, Privileges::SELECT, Privileges::NONE);
    assert!(!world.reads(ada));
    world.join(ada, staff).unwrap();
    assert!(world.reads(ada) && !world.reads(eve));
    assert!(!world.access.held(ada, &TABLE).has(Privileges::INSERT));
    let mut alone = world.access.role(ada).unwrap().clone();
    alone.inherit = false;
    world.apply(AccessChange::AlterRole(alone)).unwrap();
    assert!(!world.reads(ada), "NOINHERIT needs SET ROLE");
    assert!(world.access.memberships(ada).contains(&staff));
    assert!(world.reads(SUPERUSER_OID));
    assert!(!world.reads(99), "who is not there may nothing");
}

#[test]
fn pg_read_all_data_reads_all_and_no_more() {
    let mut world = World::new();
    let auditor = world.role("auditor");
    world.join(auditor, READ_ALL_DATA_OID).unwrap();
    assert_eq!(world.access.held(auditor, &TABLE), Privileges::SELECT);
    let schema = Securable::Schema(1, "private".to_owned());
    assert_eq!(world.access.held(auditor, &schema), Privileges::USAGE);
}

#[test]
fn circles_of_membership_are_refused() {
    let mut world = World::new();
    let (a, b, c) = (world.role("a"), world.role("b"), world.role("c"));
    world.join(a, b).unwrap();
    world.join(b, c).unwrap();
    assert!(world.join(c, a).is_err());
    assert!(world.join(a, a).is_err());
}

#[test]
fn what_was_granted_on_goes_with_its_ground() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.role("ada"), world.role("bob"), world.role("eve"));
    let select = Privileges::SELECT;
    world.grant(SUPERUSER_OID, ada, select, select);
    world.grant(ada, bob, select, select);
    world.grant(bob, eve, select, Privileges::NONE);
    assert!(world.revoke(ada, false).is_err(), "others stand on it");
    assert!(world.reads(eve), "a refused REVOKE changes nothing");
    world.revoke(ada, true).unwrap();
    assert!(!world.reads(ada) && !world.reads(bob) && !world.reads(eve));
}

#[test]
fn a_new_owner_has_the_old_ones_rights() {
    let mut world = World::new();
    let (ada, eve) = (world.role("ada"), world.role("eve"));
    world.apply(AccessChange::SetOwner { on: TABLE, owner: ada }).unwrap();
    assert!(world.access.owns(ada, &TABLE) && world.reads(ada));
    world.grant(ada, eve, Privileges::SELECT, Privileges::NONE);
    world.apply(AccessChange::SetOwner { on: TABLE, owner: eve }).unwrap();
    assert!(!world.reads(ada) && !world.access.owns(ada, &TABLE));
    assert!(world.access.owns(eve, &TABLE));
    assert_eq!(world.access.dependents(ada), []);
}

proptest! {
    /// Whatever is granted and revoked, nobody holds what no chain of grants from the owner gives.
    #[test]
    fn every_right_has_a_ground(
        steps in prop::collection::vec(
            (0..4_usize, 0..4_usize, any::<bool>(), any::<bool>()), 1..40,
        ),
    ) {
        let mut world = World::new();
        let mut roles = vec![SUPERUSER_OID];
        roles.extend(["a", "b", "c"].map(|name| world.role(name)));
        let select = Privileges::SELECT;
        for (by, to, grants, option) in steps {
            let (by, to) = (roles[by], roles[to]);
            if grants && world.access.grantable(by, &TABLE).has(select) && by != to {
                world.grant(by, to, select, if option { select } else { Privileges::NONE });
            } else if !grants && to != SUPERUSER_OID {
                let _ = world.revoke(to, option);
            }
        }
        let acl = world.access.acl(&TABLE);
        let mut grounded = BTreeSet::from([SUPERUSER_OID]);
        loop {
            let before = grounded.len();
            let able = acl.iter().filter(|g| {
                grounded.contains(&g.grantor) && g.grantable.has(select)
            });
            let able: Vec<u32> = able.map(|g| g.grantee).collect();
            grounded.extend(able);
            if grounded.len() == before { break }
        }
        for grant in acl {
            prop_assert!(grounded.contains(&grant.grantor), "{grant:?}");
        }
    }
}
