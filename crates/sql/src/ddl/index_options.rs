//! What CREATE INDEX takes in WITH: pgvector's `m`, `ef_construction` and `lists` in its ranges,
//! and what rows are scored by.

use super::create_index::invalid;
use cvx_core::Metric;
use cvx_engine::{IndexDef, Quantization};
use cvx_types::{Result, SqlError};
use datafusion::sql::sqlparser::ast::{BinaryOperator, CreateIndex, Expr};

/// The options that a method takes, of values that it can have.
pub(super) fn read(create: &CreateIndex, method: &str) -> Result<Vec<(String, String)>> {
    let mut options = Vec::new();
    for option in &create.with {
        let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = option else {
            return Err(SqlError::unsupported(format!("index option {option}")));
        };
        let name = super::options::word(left).unwrap_or_default();
        let value = super::options::word(right).unwrap_or_default();
        if (method, name.as_str()) == ("hnsw", "quantization") {
            options.push((name, quantization(&value)?.name().to_owned()));
            continue;
        }
        let (low, high) = range_of(method, &name)?;
        let number: Option<i64> = value.parse().ok();
        if !number.is_some_and(|number| (low..=high).contains(&number)) {
            return Err(invalid(&format!("value {value} out of bounds for option \"{name}\""))
                .detail(format!("Valid values are between \"{low}\" and \"{high}\".")));
        }
        options.push((name, value));
    }
    check_candidates(&options)?;
    Ok(options)
}

fn range_of(method: &str, option: &str) -> Result<(i64, i64)> {
    match (method, option) {
        ("hnsw", "m") => Ok((2, 100)),
        ("hnsw", "ef_construction") => Ok((4, 1_000)),
        ("ivfflat", "lists") => Ok((1, 32_768)),
        _ => {
            let takes = match method {
                "hnsw" => "m, ef_construction and quantization",
                _ => "lists",
            };
            Err(invalid(&format!("unrecognized parameter \"{option}\""))
                .hint(format!("An {method} index takes {takes}.")))
        }
    }
}

/// pgvector asks this of the two options together, with its defaults 16 and 64.
fn check_candidates(options: &[(String, String)]) -> Result<()> {
    let said = |name: &str| options.iter().find(|(own, _)| own == name);
    let number = |name: &str, default: i64| {
        said(name).map_or(default, |(_, value)| value.parse().unwrap_or(default))
    };
    if number("ef_construction", 64) < 2 * number("m", 16) {
        return Err(invalid("ef_construction must be greater than or equal to 2 * m"));
    }
    Ok(())
}

/// As Postgres reads an option of a few words: whatever the case.
fn quantization(value: &str) -> Result<Quantization> {
    Quantization::named(&value.to_ascii_lowercase()).ok_or_else(|| {
        let names = Quantization::ALL.map(|kind| format!("\"{}\"", kind.name())).join(", ");
        invalid(&format!("invalid value for enum option \"quantization\": {value}"))
            .hint(format!("Valid values are {names}."))
    })
}

/// An index that is recorded only has no codes to be of some kind, and L1 has one kind.
pub(super) fn check(index: &IndexDef) -> Result<()> {
    let said = index.options.iter().any(|(name, _)| name == "quantization");
    let one_kind = index.metric == Some(Metric::L1);
    let served = !one_kind || index.quantization() == Quantization::Int8;
    if !said || index.answers().is_some() && served {
        return Ok(());
    }
    let what = match &index.expression {
        Some(_) => "of an index on an expression".to_owned(),
        None => format!("with operator class {}", index.opclass),
    };
    Err(SqlError::unsupported(format!("quantization {what}"))
        .hint("Codes serve vector and halfvec columns; those of l1_ops are \"int8\"."))
}
