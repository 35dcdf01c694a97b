//! What `pg_type` says of each type, and how `format_type` spells it.

use crate::pg_catalog::oid;
use cvx_types::PgType;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A row of `pg_type`, but for what depends on the database.
#[derive(Clone, Debug)]
pub struct TypeFacts {
    pub oid: u32,
    pub name: String,
    pub schema: String,
    /// Bytes, or -1 where it varies.
    pub len: i16,
    pub by_value: bool,
    /// `b`ase, `c`omposite, `p`seudo.
    pub kind: String,
    pub category: String,
    pub preferred: bool,
    /// The relation whose rows have this type, else 0.
    pub relation: u32,
    pub element: u32,
    pub array: u32,
    /// input, output, receive, send, typmodin, typmodout.
    pub procs: [u32; 6],
    pub align: String,
    pub storage: String,
    pub collation: u32,
    pub subscript: u32,
}

static TYPES: LazyLock<BTreeMap<u32, TypeFacts>> = LazyLock::new(|| {
    let lines = include_str!("data/types.txt").lines();
    let known = lines.filter(|line| !line.starts_with('#')).filter_map(parse);
    known.chain(VECTORS.iter().flat_map(vector)).map(|ty| (ty.oid, ty)).collect()
});

/// The built-in types and pgvector's, by OID.
pub fn types() -> impl Iterator<Item = &'static TypeFacts> {
    TYPES.values()
}

/// The built-in type with this OID.
pub fn type_of(oid: u32) -> Option<&'static TypeFacts> {
    TYPES.get(&oid)
}

/// The type of a table's or view's rows, and the array over it.
pub fn row_types(relation: u32, name: &str, schema: &str) -> [TypeFacts; 2] {
    let row = TypeFacts {
        oid: oid::of_row_type(relation),
        name: name.to_owned(),
        schema: schema.to_owned(),
        kind: "c".to_owned(),
        category: "C".to_owned(),
        relation,
        array: oid::of_row_array(relation),
        procs: [2290, 2291, 2402, 2403, 0, 0],
        align: "d".to_owned(),
        ..variable()
    };
    let mut array = array_type(row.oid, row.array, &row.name, "d");
    array.schema = schema.to_owned();
    [row, array]
}

fn parse(line: &str) -> Option<TypeFacts> {
    let words: Vec<&str> = line.split(' ').collect();
    let word = |at: usize| words.get(at).copied();
    let number = |at: usize| word(at)?.parse::<u32>().ok();
    let flag = |at: usize| word(at).map(|text| text == "t");
    let text = |at: usize| word(at).map(str::to_owned);
    Some(TypeFacts {
        oid: number(0)?,
        name: text(1)?,
        schema: "pg_catalog".to_owned(),
        len: word(2)?.parse().ok()?,
        by_value: flag(3)?,
        kind: text(4)?,
        category: text(5)?,
        preferred: flag(6)?,
        relation: 0,
        element: number(8)?,
        array: number(9)?,
        procs: [number(10)?, number(11)?, number(12)?, number(13)?, number(14)?, number(15)?],
        align: text(16)?,
        storage: text(17)?,
        collation: number(18)?,
        subscript: number(19)?,
    })
}

/// What types of varying length have in common.
fn variable() -> TypeFacts {
    TypeFacts {
        oid: 0,
        name: String::new(),
        schema: "public".to_owned(),
        len: -1,
        by_value: false,
        kind: "b".to_owned(),
        category: "U".to_owned(),
        preferred: false,
        relation: 0,
        element: 0,
        array: 0,
        procs: [0; 6],
        align: "i".to_owned(),
        storage: "x".to_owned(),
        collation: 0,
        subscript: 0,
    }
}

/// pgvector's types, and where in `data/functions.txt` each one's functions begin.
const VECTORS: [(PgType, u32); 3] =
    [(PgType::Vector, 9001), (PgType::Halfvec, 9041), (PgType::Sparsevec, 9071)];

/// A type as pgvector declares it, and the array over it.
fn vector((ty, input): &(PgType, u32)) -> [TypeFacts; 2] {
    let scalar = TypeFacts {
        oid: ty.oid(),
        name: ty.name(),
        array: ty.array_oid(),
        procs: [*input, input + 1, input + 3, input + 4, input + 2, 0],
        storage: "e".to_owned(),
        ..variable()
    };
    [scalar, array_type(ty.oid(), ty.array_oid(), &ty.name(), "i")]
}

fn array_type(element: u32, oid: u32, name: &str, align: &str) -> TypeFacts {
    TypeFacts {
        oid,
        name: format!("_{name}"),
        category: "A".to_owned(),
        element,
        procs: [750, 751, 2400, 2401, 0, 0],
        align: align.to_owned(),
        subscript: 6179,
        ..variable()
    }
}

/// As `format_type`: a built-in type's name in SQL with its modifier.
pub fn format_type(oid: u32, typmod: Option<i32>) -> Option<String> {
    let facts = type_of(oid)?;
    if facts.category == "A" && facts.element != 0 && facts.name.starts_with('_') {
        return Some(format!("{}[]", format_type(facts.element, typmod)?));
    }
    Some(spell(&facts.name, typmod.unwrap_or(-1)))
}

fn spell(name: &str, typmod: i32) -> String {
    let plain = match name {
        "bool" => "boolean",
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        "varchar" if typmod >= 4 => return format!("character varying({})", typmod - 4),
        "varchar" => "character varying",
        "numeric" if typmod >= 4 => {
            let packed = typmod - 4;
            return format!("numeric({},{})", (packed >> 16) & 0xffff, packed & 0x7ff);
        }
        "time" => return precise("time", typmod, " without time zone"),
        "timestamp" => return precise("timestamp", typmod, " without time zone"),
        "timestamptz" => return precise("timestamp", typmod, " with time zone"),
        "vector" | "halfvec" | "sparsevec" | "bit" if typmod > 0 => {
            return format!("{name}({typmod})");
        }
        "varbit" if typmod > 0 => return format!("bit varying({typmod})"),
        "varbit" => "bit varying",
        "char" => "\"char\"",
        "any" => "\"any\"",
        other => other,
    };
    plain.to_owned()
}

fn precise(name: &str, typmod: i32, zone: &str) -> String {
    if typmod < 0 { format!("{name}{zone}") } else { format!("{name}({typmod}){zone}") }
}

/// The name `information_schema` has for a type in `data_type`.
pub fn data_type(ty: &PgType) -> String {
    match ty {
        PgType::Array(_) => "ARRAY".to_owned(),
        vector if vector.is_vector() => "USER-DEFINED".to_owned(),
        other => format_type(other.oid(), None).unwrap_or_else(|| other.name()),
    }
}

/// The OID of the built-in type so called: `pg_type.typname`, or a name SQL has for it.
pub fn type_named(name: &str) -> Option<u32> {
    let name = match name {
        "boolean" => "bool",
        "smallint" => "int2",
        "int" | "integer" => "int4",
        "bigint" => "int8",
        "real" => "float4",
        "float" | "double precision" => "float8",
        "decimal" => "numeric",
        "character varying" => "varchar",
        "bit varying" => "varbit",
        "time without time zone" => "time",
        "timestamp without time zone" => "timestamp",
        "timestamp with time zone" => "timestamptz",
        "\"char\"" => "char",
        "char" | "character" => return None,
        other => other,
    };
    types().find(|ty| ty.name == name).map(|ty| ty.oid)
}
