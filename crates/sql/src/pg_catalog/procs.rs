//! The functions, operators and casts that the catalog lists: those that there are, with Postgres'
//! OIDs.

use crate::analyse::Analysis;
use crate::pg_catalog::oid;
use crate::pg_catalog::types::{format_type, type_named};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A row of `pg_proc`.
#[derive(Debug)]
pub struct Proc {
    pub oid: u32,
    pub name: &'static str,
    pub schema: &'static str,
    /// `f`unction, `a`ggregate, `w`indow.
    pub kind: &'static str,
    /// `i`mmutable, `s`table, `v`olatile.
    pub volatility: &'static str,
    pub strict: bool,
    pub set: bool,
    pub returns: u32,
    pub arguments: Vec<u32>,
    /// What is known of an analysis by name: parameters and columns.
    pub analysis: Option<Analysis>,
    pub description: Option<&'static str>,
}

/// A row of `pg_operator` between two values of a type.
#[derive(Debug)]
pub struct Operator {
    pub oid: u32,
    pub name: &'static str,
    pub operand: u32,
    pub result: u32,
    pub function: u32,
    pub description: &'static str,
}

/// A row of `pg_cast`.
#[derive(Debug)]
pub struct Cast {
    pub oid: u32,
    pub source: u32,
    pub target: u32,
    /// `i`mplicit or in an `a`ssignment.
    pub context: &'static str,
}

/// A row of `pg_opclass` with its family's name.
#[derive(Debug)]
pub struct OpClass {
    pub oid: u32,
    pub name: &'static str,
    pub schema: &'static str,
    pub method: u32,
    pub family: u32,
    pub family_name: &'static str,
    pub input: u32,
    pub default: bool,
}

/// What an analysis takes first.
const TABLE: &str = "regclass";

static PROCS: LazyLock<BTreeMap<u32, Proc>> = LazyLock::new(|| {
    let built_in = records(include_str!("data/procs.txt"), 8).filter_map(built_in);
    let ours = records(include_str!("data/functions.txt"), 7).filter_map(ours);
    built_in.chain(ours).map(|proc| (proc.oid, proc)).collect()
});

static OPERATORS: LazyLock<Vec<Operator>> =
    LazyLock::new(|| records(include_str!("data/operators.txt"), 6).filter_map(operator).collect());

static OPCLASSES: LazyLock<Vec<OpClass>> = LazyLock::new(|| {
    let btree = records(include_str!("data/opclasses.txt"), 6).filter_map(btree_class);
    let vectors = records(include_str!("data/vector_opclasses.txt"), 5).filter_map(vector_class);
    btree.chain(vectors).collect()
});

static CASTS: LazyLock<Vec<Cast>> =
    LazyLock::new(|| records(include_str!("data/casts.txt"), 4).filter_map(cast).collect());

/// All functions, by OID.
pub fn procs() -> impl Iterator<Item = &'static Proc> {
    PROCS.values()
}

/// The function with this OID.
pub fn proc_of(oid: u32) -> Option<&'static Proc> {
    PROCS.get(&oid)
}

/// The functions of this name in this schema, in OID order.
pub fn procs_named_in(schema: &str, name: &str) -> Vec<&'static Proc> {
    procs().filter(|proc| proc.name == name && proc.schema == schema).collect()
}

pub fn operators() -> impl Iterator<Item = &'static Operator> {
    OPERATORS.iter()
}

pub fn casts() -> impl Iterator<Item = &'static Cast> {
    CASTS.iter()
}

pub fn opclasses() -> impl Iterator<Item = &'static OpClass> {
    OPCLASSES.iter()
}

/// The operator class of a method by name.
pub fn opclass_named(method: u32, name: &str) -> Option<&'static OpClass> {
    opclasses().find(|class| class.method == method && class.name == name)
}

/// The default btree operator class for a type; varchar is ordered as text.
pub fn btree_class_for(ty: u32) -> Option<&'static OpClass> {
    let ordered_as = if ty == 1043 { 25 } else { ty };
    opclasses().find(|c| c.method == oid::AM_BTREE && c.default && c.input == ordered_as)
}

impl Proc {
    /// As `pg_get_function_arguments`.
    pub fn argument_list(&self) -> String {
        let Some(analysis) = self.analysis else { return self.spelled(", ") };
        let required = self.arguments.len() - self.defaults();
        let mut arguments = vec![spelled_named(TABLE)];
        for (at, (name, ty)) in (1..).zip(analysis.takes()) {
            let default = if at < required { "" } else { " DEFAULT NULL" };
            arguments.push(format!("{name} {}{default}", spelled_named(ty)));
        }
        arguments.join(", ")
    }

    /// As `regprocedure` prints them.
    pub fn argument_types(&self) -> String {
        self.spelled(",")
    }

    fn spelled(&self, separator: &str) -> String {
        let names = self.arguments.iter().map(|ty| spelled_type(*ty));
        names.collect::<Vec<_>>().join(separator)
    }

    /// How many of the last arguments may be left out.
    pub fn defaults(&self) -> usize {
        self.analysis.map_or(0, Analysis::optional)
    }

    /// As `pg_get_function_result`.
    pub fn result(&self) -> String {
        if let Some(analysis) = self.analysis {
            let columns =
                analysis.gives().map(|(name, ty)| format!("{name} {}", spelled_named(ty)));
            return format!("TABLE({})", columns.collect::<Vec<_>>().join(", "));
        }
        let name = spelled_type(self.returns);
        if self.set { format!("SETOF {name}") } else { name }
    }

    /// Names, types and modes of all arguments and columns, where they have names.
    pub fn named(&self) -> Option<Vec<(&'static str, u32, &'static str)>> {
        let analysis = self.analysis?;
        let typed = |mode| move |(name, ty)| Some((name, type_named(ty)?, mode));
        let table = [typed("i")(("", TABLE))].into_iter();
        let takes = analysis.takes().map(typed("i"));
        table.chain(takes).chain(analysis.gives().map(typed("t"))).collect()
    }

    pub fn language(&self) -> u32 {
        if self.schema == "public" { oid::LANGUAGE_C } else { oid::LANGUAGE_INTERNAL }
    }
}

fn spelled_type(ty: u32) -> String {
    format_type(ty, None).unwrap_or_default()
}

fn spelled_named(ty: &str) -> String {
    type_named(ty).map(spelled_type).unwrap_or_default()
}

/// The lines of a data file cut into `width` words, the last of which may have spaces.
fn records(text: &'static str, width: usize) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(move |line| line.splitn(width, ' ').collect())
}

fn built_in(words: Vec<&'static str>) -> Option<Proc> {
    let [oid, name, kind, volatility, strict, set, returns, arguments] = words.try_into().ok()?;
    let arguments = match arguments {
        "-" => Vec::new(),
        list => list.split(',').map(|ty| ty.parse().ok()).collect::<Option<_>>()?,
    };
    Some(Proc {
        oid: oid.parse().ok()?,
        name,
        schema: "pg_catalog",
        kind,
        volatility,
        strict: strict == "t",
        set: set == "t",
        returns: returns.parse().ok()?,
        arguments,
        analysis: None,
        description: None,
    })
}

fn ours(words: Vec<&'static str>) -> Option<Proc> {
    let [oid, name, kind, strict, returns, arguments, description] = words.try_into().ok()?;
    let analysis = if arguments == "..." { Some(Analysis::named(name)?) } else { None };
    let arguments = match analysis {
        Some(analysis) => [TABLE].into_iter().chain(analysis.takes().map(|of| of.1)).collect(),
        None => arguments.split(',').collect::<Vec<_>>(),
    };
    Some(Proc {
        oid: oid.parse().ok()?,
        name,
        schema: "public",
        kind,
        volatility: "i",
        strict: strict == "t",
        set: returns.ends_with('*'),
        returns: type_named(returns.trim_end_matches('*'))?,
        arguments: arguments.into_iter().map(type_named).collect::<Option<_>>()?,
        analysis,
        description: (description != "-").then_some(description),
    })
}

fn operator(words: Vec<&'static str>) -> Option<Operator> {
    let [oid, name, operand, result, function, description] = words.try_into().ok()?;
    let (oid, function) = (oid.parse().ok()?, function.parse().ok()?);
    let (operand, result) = (type_named(operand)?, type_named(result)?);
    Some(Operator { oid, name, operand, result, function, description })
}

fn cast(words: Vec<&'static str>) -> Option<Cast> {
    let [oid, source, target, context] = words.try_into().ok()?;
    let (source, target) = (type_named(source)?, type_named(target)?);
    Some(Cast { oid: oid.parse().ok()?, source, target, context })
}

/// The access method of an index.
pub fn method_oid(method: &str) -> u32 {
    match method {
        "btree" => oid::AM_BTREE,
        "ivfflat" => oid::AM_IVFFLAT,
        _ => oid::AM_HNSW,
    }
}

fn vector_class(words: Vec<&'static str>) -> Option<OpClass> {
    let [oid, method, name, input, default] = words.try_into().ok()?;
    let oid: u32 = oid.parse().ok()?;
    Some(OpClass {
        oid,
        name,
        schema: "public",
        method: method_oid(method),
        family: oid + 20,
        family_name: name,
        input: type_named(input)?,
        default: default == "t",
    })
}

fn btree_class(words: Vec<&'static str>) -> Option<OpClass> {
    let [oid, name, family, input, default, family_name] = words.try_into().ok()?;
    Some(OpClass {
        oid: oid.parse().ok()?,
        name,
        schema: "pg_catalog",
        method: oid::AM_BTREE,
        family: family.parse().ok()?,
        family_name,
        input: input.parse().ok()?,
        default: default == "t",
    })
}
