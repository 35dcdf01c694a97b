//! OID aliases and 0-based vectors: types whose meaning depends on where they stand.
//!
//! In Postgres a `regclass` is an OID that reads and prints as a name, and an `int2vector` is an
//! array that counts from 0. Inside plans they are numbers and lists, marked by field metadata
//! (see `spec::field`), so that joins and subscripts work. [`resolve`] is where a plan learns
//! what the marks mean:
//!
//! * a cast to text prints the name (`conrelid::regclass::text`), as does the outermost result;
//! * a string compared with an alias is read as a name (`c.oid::regclass = 'docs'`);
//! * a subscript of an `int2vector` or `oidvector` counts from 0;
//! * an `oid` stays one through CASE and `array_agg`: asyncpg, which asks for the types of arrays
//!   before it reads any, would ask for that of `int8[]` by a query that itself has one, for ever.

use crate::pg_catalog::functions::function;
use crate::pg_catalog::model::SystemCatalog;
use arrow::datatypes::{DataType, Field};
use cvx_types::PgType;
use cvx_types::pg_type::PG_TYPE_KEY;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DFSchemaRef, Result, ScalarValue, internal_datafusion_err};
use datafusion::logical_expr::expr::{Alias as AliasExpr, FieldMetadata, ScalarFunction};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Cast, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, ScalarUDF,
};
use std::sync::Arc;

/// A type that is an OID inside and a name outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alias {
    Class,
    Type,
    Proc,
    Procedure,
    Namespace,
    Role,
}

impl Alias {
    pub const ALL: [Self; 6] =
        [Self::Class, Self::Type, Self::Proc, Self::Procedure, Self::Namespace, Self::Role];

    /// As `pg_type.typname`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Class => "regclass",
            Self::Type => "regtype",
            Self::Proc => "regproc",
            Self::Procedure => "regprocedure",
            Self::Namespace => "regnamespace",
            Self::Role => "regrole",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alias| alias.name() == name)
    }

    /// The function that reads a name, or a number, as this.
    #[must_use]
    pub fn reader(self) -> String {
        format!("cvx_to_{}", self.name())
    }

    /// The function that prints this.
    #[must_use]
    pub fn printer(self) -> String {
        format!("cvx_{}_text", self.name())
    }

    /// A field of this type: a number, marked.
    pub fn field(self, list: bool) -> Field {
        let (inner, prefix) = if list {
            let item = Arc::new(Field::new("item", DataType::Int64, true));
            (DataType::List(item), "_")
        } else {
            (DataType::Int64, "")
        };
        let mark = (PG_TYPE_KEY.to_owned(), format!("{prefix}{}", self.name()));
        Field::new("", inner, true).with_metadata([mark].into())
    }

    /// The type a client is told.
    fn shown(self) -> PgType {
        match self {
            Self::Class => PgType::Regclass,
            Self::Type => PgType::Regtype,
            Self::Proc | Self::Procedure => PgType::Regproc,
            Self::Namespace | Self::Role => PgType::Text,
        }
    }
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Alias(Alias),
    Aliases(Alias),
    Int2Vector,
    OidVector,
    Oid,
    Oids,
}

impl Mark {
    fn of(field: &Field) -> Option<Self> {
        let name = field.metadata().get(PG_TYPE_KEY)?;
        let list = matches!(field.data_type(), DataType::List(_));
        let number = *field.data_type() == DataType::Int64;
        match name.as_str() {
            "int2vector" if list => Some(Self::Int2Vector),
            "oidvector" if list => Some(Self::OidVector),
            "oid" if number => Some(Self::Oid),
            "_oid" if list => Some(Self::Oids),
            name if number => Alias::from_name(name).map(Self::Alias),
            name if list => Alias::from_name(name.strip_prefix('_')?).map(Self::Aliases),
            _ => None,
        }
    }

    /// The function that prints it; none for what is shown as the number it is.
    fn printer(self) -> Option<String> {
        match self {
            Self::Alias(alias) | Self::Aliases(alias) => Some(alias.printer()),
            Self::Int2Vector => Some("cvx_int2vector_text".to_owned()),
            Self::OidVector => Some("cvx_oidvector_text".to_owned()),
            Self::Oid | Self::Oids => None,
        }
    }

    /// Of an array of these.
    fn list(self) -> Option<Self> {
        match self {
            Self::Alias(alias) => Some(Self::Aliases(alias)),
            Self::Oid => Some(Self::Oids),
            Self::Aliases(_) | Self::Int2Vector | Self::OidVector | Self::Oids => None,
        }
    }

    /// The type that goes with the printed form.
    fn shown(self) -> PgType {
        match self {
            Self::Alias(alias) => alias.shown(),
            Self::Aliases(_) => PgType::Array(Box::new(PgType::Text)),
            Self::Int2Vector => PgType::Int2Vector,
            Self::OidVector => PgType::OidVector,
            Self::Oid => PgType::Oid,
            Self::Oids => PgType::Array(Box::new(PgType::Oid)),
        }
    }

    fn field(self) -> Field {
        match self {
            Self::Alias(alias) => alias.field(false),
            Self::Aliases(alias) => alias.field(true),
            Self::Int2Vector => crate::pg_catalog::spec::field("", &PgType::Int2Vector),
            Self::OidVector => crate::pg_catalog::spec::field("", &PgType::OidVector),
            Self::Oid | Self::Oids => crate::pg_catalog::spec::field("", &self.shown()),
        }
    }
}

/// Gives aliases and vectors their meaning in a freshly planned statement, and prints those that
/// reach the client. To be called once, on the whole plan, before parameters are typed.
pub fn resolve(plan: LogicalPlan, model: &Arc<SystemCatalog>) -> Result<LogicalPlan> {
    let resolver = Resolver { model };
    let plan = plan.transform_up_with_subqueries(|plan| resolver.node(plan))?.data;
    resolver.show(plan)
}

struct Resolver<'a> {
    model: &'a Arc<SystemCatalog>,
}

impl Resolver<'_> {
    fn node(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let schema = merged(&plan);
        let outermost = matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_));
        let changed = plan.map_expressions(|expr| {
            let inner = expr.transform_up(|expr| self.expr(expr, &schema))?;
            // What makes new columns passes marks on to the nodes above, where DataFusion would
            // not.
            if outermost { inner.transform_data(|expr| remark(expr, &schema)) } else { Ok(inner) }
        })?;
        // Schemas hold the marks of the nodes below: they may have changed there.
        changed.map_data(LogicalPlan::recompute_schema).map(|t| Transformed::yes(t.data))
    }

    fn expr(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        match expr {
            Expr::Cast(Cast { expr, field }) if is_text(field.data_type()) => {
                match mark_of(&expr, schema).and_then(Mark::printer) {
                    Some(printer) => Ok(Transformed::yes(self.call(&printer, *expr)?)),
                    None => Ok(Transformed::no(Expr::Cast(Cast { expr, field }))),
                }
            }
            Expr::Cast(Cast { expr, field }) if is_text_list(field.data_type()) => {
                match mark_of(&expr, schema) {
                    Some(Mark::Aliases(alias)) => {
                        Ok(Transformed::yes(self.call(&alias.printer(), *expr)?))
                    }
                    _ => Ok(Transformed::no(Expr::Cast(Cast { expr, field }))),
                }
            }
            Expr::BinaryExpr(mut binary) if compares(binary.op) => {
                let left = mark_of(&binary.left, schema);
                let right = mark_of(&binary.right, schema);
                match (left, right) {
                    (Some(Mark::Alias(alias)), _) => self.read(&mut binary.right, alias)?,
                    (_, Some(Mark::Alias(alias))) => self.read(&mut binary.left, alias)?,
                    _ => {}
                }
                Ok(Transformed::yes(Expr::BinaryExpr(binary)))
            }
            Expr::InList(mut list) => {
                if let Some(Mark::Alias(alias)) = mark_of(&list.expr, schema) {
                    for item in &mut list.list {
                        self.read(item, alias)?;
                    }
                }
                Ok(Transformed::yes(Expr::InList(list)))
            }
            Expr::ScalarFunction(mut call) if call.name() == "array_element" => {
                let vector = call.args.first().and_then(|list| mark_of(list, schema));
                if let (Some(Mark::Int2Vector | Mark::OidVector), Some(at)) =
                    (vector, call.args.get_mut(1))
                {
                    *at = std::mem::take(at) + Expr::Literal(ScalarValue::Int64(Some(1)), None);
                }
                Ok(Transformed::yes(Expr::ScalarFunction(call)))
            }
            other => Ok(Transformed::no(other)),
        }
    }

    /// Reads a string as a name of the other side's kind.
    fn read(&self, expr: &mut Expr, alias: Alias) -> Result<()> {
        if let Expr::Literal(value, _) = expr
            && is_text(&value.data_type())
        {
            *expr = self.call(&alias.reader(), std::mem::take(expr))?;
        }
        Ok(())
    }

    fn call(&self, name: &str, argument: Expr) -> Result<Expr> {
        let missing = || internal_datafusion_err!("there is no function {name}");
        let udf: ScalarUDF = function(self.model, name).ok_or_else(missing)?;
        Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(udf), vec![argument])))
    }

    /// Prints the marked columns of a result, under the names they have.
    fn show(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let schema = Arc::clone(plan.schema());
        let printed = |field: &Field| Mark::of(field).filter(|mark| mark.printer().is_some());
        if schema.iter().all(|(_, field)| printed(field).is_none()) {
            return Ok(plan);
        }
        let column = |(qualifier, field): (Option<&_>, &Arc<Field>)| {
            let column = Expr::Column((qualifier, field.as_ref()).into());
            let Some(mark) = Mark::of(field) else { return Ok(column) };
            let Some(printer) = mark.printer() else { return Ok(column) };
            let printed = self.call(&printer, column)?;
            let said = FieldMetadata::from(&mark.shown().field("", -1, true));
            let alias = AliasExpr::new(printed, qualifier.cloned(), field.name());
            Ok(Expr::Alias(alias.with_metadata(Some(said))))
        };
        let columns = schema.iter().map(column).collect::<Result<Vec<Expr>>>()?;
        LogicalPlanBuilder::from(plan).project(columns)?.build()
    }
}

/// The schema that a node's expressions are over.
fn merged(plan: &LogicalPlan) -> DFSchemaRef {
    match plan {
        LogicalPlan::TableScan(scan) => Arc::clone(&scan.projected_schema),
        _ => Arc::new(merge_schema(&plan.inputs())),
    }
}

/// The mark of an expression; through what DataFusion takes for a new value, too.
fn mark_of(expr: &Expr, schema: &DFSchema) -> Option<Mark> {
    match expr {
        Expr::OuterReferenceColumn(field, _) => Mark::of(field),
        Expr::Case(case) => {
            let results = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
            let mut results = results.chain(case.else_expr.as_deref());
            results.find_map(|result| mark_of(result, schema))
        }
        Expr::ScalarFunction(call) if matches!(call.name(), "coalesce" | "nullif") => {
            call.args.iter().find_map(|arg| mark_of(arg, schema))
        }
        Expr::ScalarSubquery(sub) => Mark::of(sub.subquery.schema().fields().first()?),
        Expr::AggregateFunction(call)
            if matches!(call.func.name(), "min" | "max" | "first_value") =>
        {
            call.params.args.first().and_then(|arg| mark_of(arg, schema))
        }
        Expr::AggregateFunction(call) if call.func.name() == "array_agg" => {
            let item = call.params.args.first().and_then(|arg| mark_of(arg, schema));
            item.and_then(Mark::list)
        }
        other => Mark::of(other.to_field(schema).ok()?.1.as_ref()),
    }
}

/// Puts the mark onto an output column that DataFusion would leave unmarked.
fn remark(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (inner, alias) = match &expr {
        Expr::Alias(alias) => (alias.expr.as_ref(), Some(alias)),
        other => (other, None),
    };
    let Some(mark) = mark_of(inner, schema) else { return Ok(Transformed::no(expr)) };
    let field = expr.to_field(schema)?.1;
    if Mark::of(&field) == Some(mark) {
        return Ok(Transformed::no(expr));
    }
    let said = FieldMetadata::from(&mark.field());
    let alias = match alias {
        Some(alias) => alias.clone(),
        None => AliasExpr::new(expr.clone(), None::<&str>, expr.schema_name().to_string()),
    };
    Ok(Transformed::yes(Expr::Alias(alias.with_metadata(Some(said)))))
}

fn compares(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
    )
}

fn is_text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8)
}

fn is_text_list(ty: &DataType) -> bool {
    matches!(ty, DataType::List(item) if is_text(item.data_type()))
}
