//! Functions and aggregates: pgvector's, Postgres', and ours.
//!
//! Every one is a value of [`function::Function`] (or an `AggregateUDFImpl`) in the file of its
//! noun. DataFusion's own stay registered; where a name of ours equals one of theirs, ours was
//! written because theirs answers differently from Postgres, and [`register`] puts it on top.

pub mod cast;
pub mod formats;
pub mod st_distance;

pub(crate) mod any;
mod array;
pub(crate) mod choose;
mod codec;
pub(crate) mod failure;
pub(crate) mod function;
mod json;
pub(crate) mod math;
mod motion;
mod number_format;
mod print;
mod system;
mod text;
mod time;
mod undefined;
pub(crate) mod vector;

#[cfg(test)]
pub(crate) mod testing;

pub use cast::cast_call;
pub(crate) use failure::plain_fields;
pub use formats::SessionFormats;
pub(crate) use function::field_of_type;
pub use st_distance::{decay_named, interval_us, metric_named};
pub use system::SERVER_VERSION;
pub(crate) use undefined::Undefined;
pub use vector::distances_computed;

use datafusion::common::Result;
use datafusion::functions::math::signum;
use datafusion::functions_aggregate::bool_and_or::bool_and_udaf;
use datafusion::functions_aggregate::variance::var_samp_udaf;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

static SCALARS: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
    let mut all = vector::functions();
    all.extend(st_distance::functions());
    all.extend(cast::functions());
    all.extend(json::functions());
    all.extend(time::functions());
    all.extend(text::functions());
    all.extend(print::functions());
    all.extend(array::functions());
    all.extend(any::functions());
    all.extend(math::functions());
    all.extend(motion::functions());
    all.extend(choose::functions());
    all.extend(system::functions());
    all.push(Arc::new(ScalarUDF::clone(&signum()).with_aliases(["sign"])));
    all
});

static BY_NAME: LazyLock<HashMap<String, Arc<ScalarUDF>>> = LazyLock::new(|| {
    let names = |function: &Arc<ScalarUDF>| {
        let aliases = function.aliases().iter().cloned();
        let names: Vec<String> = aliases.chain([function.name().to_owned()]).collect();
        let function = Arc::clone(function);
        names.into_iter().map(move |name| (name, Arc::clone(&function)))
    };
    SCALARS.iter().flat_map(names).collect()
});

/// Every scalar function of ours.
#[must_use]
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    SCALARS.clone()
}

/// Every aggregate of ours; `avg` and `sum` stand in front of the built-in ones.
#[must_use]
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    let mut all = vec![vector::avg(), vector::sum(), vector::drift()];
    all.extend(motion::aggregates());
    all.extend(json::aggregates());
    let renamed = |function: Arc<AggregateUDF>, name| {
        Arc::new(AggregateUDF::clone(&function).with_aliases([name]))
    };
    all.push(renamed(bool_and_udaf(), "every"));
    all.push(renamed(var_samp_udaf(), "variance"));
    all
}

/// One of our scalar functions by name or alias.
#[must_use]
pub fn function_named(name: &str) -> Option<Arc<ScalarUDF>> {
    BY_NAME.get(name).cloned()
}

/// Puts ours over what the registry has, and [`crate::types::PgRewrite`] before its analyzer.
pub fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for function in scalar_functions() {
        registry.register_udf(function)?;
    }
    for function in aggregate_functions() {
        registry.register_udaf(function)?;
    }
    registry.register_function_rewrite(Arc::new(crate::types::PgRewrite))
}
