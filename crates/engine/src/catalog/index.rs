//! An index as the catalog knows it.
//!
//! On disk the metric is the number of [`Metric`]'s variant, and [`NO_METRIC`] for operator classes
//! of distances the engine does not rank by (Hamming, Jaccard). The expression, which not every
//! index has, lies among the options under a name that WITH cannot say.

use cvx_core::Metric;
use cvx_index::Quantization;
use serde::{Deserialize, Serialize};

/// An index of the `hnsw` or `ivfflat` kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct IndexDef {
    /// Given by the engine.
    pub oid: u32,
    pub name: String,
    /// Column id; of an expression, the column it is computed from.
    pub column: u16,
    /// SQL text, where the index is not on the column itself.
    pub expression: Option<String>,
    pub method: String,
    pub opclass: String,
    /// What the operator class measures, where the engine can rank by it.
    pub metric: Option<Metric>,
    pub options: Vec<(String, String)>,
}

impl IndexDef {
    /// The metric it can answer by, where it is of a whole `vector` or `halfvec` column; searches
    /// of other columns compare every row.
    #[must_use]
    pub fn answers(&self) -> Option<Metric> {
        let coded = ["vector_", "halfvec_"].iter().any(|ty| self.opclass.starts_with(ty));
        self.metric.filter(|_| coded && self.method == "hnsw" && self.expression.is_none())
    }

    /// What its rows are scored by: as its options say, which older ones do not.
    #[must_use]
    pub fn quantization(&self) -> Quantization {
        let said = self.options.iter().find(|(name, _)| name == "quantization");
        said.and_then(|(_, name)| Quantization::named(name)).unwrap_or_default()
    }
}

const NO_METRIC: u32 = 255;
const EXPRESSION: &str = "(expression)";
const METRICS: [Metric; 5] =
    [Metric::L2, Metric::Cosine, Metric::InnerProduct, Metric::L1, Metric::Poincare];

#[derive(Serialize, Deserialize)]
struct Record {
    oid: u32,
    name: String,
    column: u16,
    method: String,
    opclass: String,
    metric: u32,
    options: Vec<(String, String)>,
}

impl From<IndexDef> for Record {
    fn from(index: IndexDef) -> Self {
        let number = |metric| (0..).zip(METRICS).find(|(_, own)| *own == metric).map(|(n, _)| n);
        let mut options = index.options;
        options.extend(index.expression.map(|text| (EXPRESSION.to_owned(), text)));
        Self {
            oid: index.oid,
            name: index.name,
            column: index.column,
            method: index.method,
            opclass: index.opclass,
            metric: index.metric.and_then(number).unwrap_or(NO_METRIC),
            options,
        }
    }
}

impl From<Record> for IndexDef {
    fn from(record: Record) -> Self {
        let (expressions, options): (Vec<_>, Vec<_>) =
            record.options.into_iter().partition(|(name, _)| name == EXPRESSION);
        let metric = usize::try_from(record.metric).ok();
        Self {
            oid: record.oid,
            name: record.name,
            column: record.column,
            expression: expressions.into_iter().next().map(|(_, text)| text),
            method: record.method,
            opclass: record.opclass,
            metric: metric.and_then(|at| METRICS.get(at).copied()),
            options,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record of the first version: seven fields, the metric an enum.
    #[derive(Serialize)]
    struct First(u32, String, u16, String, String, Metric, Vec<(String, String)>);

    #[test]
    fn the_first_version_is_read_and_every_index_comes_back() {
        for metric in METRICS {
            let options = vec![("m".to_owned(), "16".to_owned())];
            let text = |text: &str| text.to_owned();
            let (method, opclass) = (text("hnsw"), text("vector_l2_ops"));
            let old = First(7, text("i"), 3, method, opclass, metric, options);
            let bytes = postcard::to_stdvec(&old).unwrap();
            let read: IndexDef = postcard::from_bytes(&bytes).unwrap();
            assert_eq!((read.oid, read.column, read.metric), (7, 3, Some(metric)));
            assert_eq!(read.quantization(), Quantization::Int8);
            assert_eq!(postcard::to_stdvec(&read).unwrap(), bytes);
            for (metric, expression) in [(None, Some(text("(v)::bit(3)"))), (read.metric, None)] {
                let index = IndexDef { metric, expression, ..read.clone() };
                let bytes = postcard::to_stdvec(&index).unwrap();
                assert_eq!(postcard::from_bytes::<IndexDef>(&bytes).unwrap(), index);
            }
        }
    }
}
