//! Operators as Postgres and pgvector resolve them.
//!
//! DataFusion asks for each binary operator, operands planned. Three things happen here: an
//! operand of unknown type (a string constant, `$1`) takes the type the other side suggests; an
//! operator that is a function with us becomes that function (`<->`, `->>`, vector `+`); and
//! what remains goes on to DataFusion's own planners, which know numbers, text and arrays.
//!
//! An operator is told by its symbol, because the parser has up to three spellings of one:
//! `<=>` is its `Spaceship`, `<+>` a custom token, `OPERATOR(pg_catalog.~)` a list of names.

use super::literal::{beside, cast_to, is_textual};
use super::side::Side;
use crate::functions::failure::{fail, long_name, raise};
use crate::functions::function_named;
use crate::functions::vector::distance_function;
use cvx_core::Metric;
use cvx_types::{PgType, SqlError, SqlState};
use datafusion::common::{DFSchema, Result};
use datafusion::functions::expr_fn::{power, starts_with};
use datafusion::functions_nested::expr_fn::array_has_any;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::sql::sqlparser::ast::BinaryOperator as Op;

/// Goes before DataFusion's own planners.
#[derive(Debug, Default)]
pub struct PgExprPlanner;

impl ExprPlanner for PgExprPlanner {
    fn plan_binary_op(
        &self,
        raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let sides = (Side::of(&raw.left, schema), Side::of(&raw.right, schema));
        let symbol = symbol(&raw.op);
        let operation = Operation { symbol, raw, left: sides.0, right: sides.1 };
        operation.plan()
    }

    /// Elements of unknown type take the type of the others; vectors forget their dimensions, for
    /// an array may hold different ones.
    fn plan_array_literal(
        &self,
        exprs: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let sides: Vec<Side> = exprs.iter().map(|expr| Side::of(expr, schema)).collect();
        let Some(ty) = sides.iter().find_map(Side::ty).cloned() else {
            return Ok(PlannerResult::Original(exprs));
        };
        let typed = exprs.into_iter().zip(&sides).map(|(expr, side)| match side.ty() {
            None if side.is_unknown() => known(expr, &ty),
            Some(own) if own.is_vector() && ty.is_vector() => cast_to(expr, &ty, -1),
            _ => expr,
        });
        Ok(PlannerResult::Original(typed.collect()))
    }

    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        let scale = args.first().map_or(0, extracted_scale);
        let numeric = cast_to(call("date_part", args)?, &PgType::Numeric, (38 << 16 | scale) + 4);
        Ok(PlannerResult::Planned(numeric))
    }
}

/// How many digits after the point EXTRACT gives of this field.
fn extracted_scale(field: &Expr) -> i32 {
    let Expr::Literal(value, _) = field else { return 0 };
    match value.to_string().to_ascii_lowercase().as_str() {
        "epoch" | "second" | "seconds" => 6,
        "millisecond" | "milliseconds" => 3,
        _ => 0,
    }
}

/// The operator as it is written.
fn symbol(op: &Op) -> String {
    match op {
        Op::PGCustomBinaryOperator(names) => names.last().cloned().unwrap_or_default(),
        other => other.to_string(),
    }
}

/// The operator of a symbol that came in the long form.
fn operator(symbol: &str) -> Option<Op> {
    Some(match symbol {
        "=" => Op::Eq,
        "<>" | "!=" => Op::NotEq,
        "<" => Op::Lt,
        "<=" => Op::LtEq,
        ">" => Op::Gt,
        ">=" => Op::GtEq,
        "+" => Op::Plus,
        "-" => Op::Minus,
        "*" => Op::Multiply,
        "/" => Op::Divide,
        "%" => Op::Modulo,
        "~" => Op::PGRegexMatch,
        "~*" => Op::PGRegexIMatch,
        "!~" => Op::PGRegexNotMatch,
        "!~*" => Op::PGRegexNotIMatch,
        "~~" => Op::PGLikeMatch,
        "~~*" => Op::PGILikeMatch,
        "!~~" => Op::PGNotLikeMatch,
        "!~~*" => Op::PGNotILikeMatch,
        "||" => Op::StringConcat,
        _ => return None,
    })
}

fn call(name: &str, args: Vec<Expr>) -> Result<Expr> {
    let function = function_named(name).ok_or_else(|| {
        fail(SqlState::UNDEFINED_FUNCTION, format!("function {name} does not exist"))
    })?;
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(function, args)))
}

/// A binary operator, its operands, and what is known of their types.
struct Operation {
    symbol: String,
    raw: RawBinaryExpr,
    left: Side,
    right: Side,
}

type Planned = Result<PlannerResult<RawBinaryExpr>>;

impl Operation {
    fn plan(self) -> Planned {
        match self.symbol.as_str() {
            "<->" => self.distance(Metric::L2),
            "<=>" if self.has_vector() || self.both_unknown() => self.distance(Metric::Cosine),
            "<=>" => Err(self.undefined()),
            "<~>" => self.bits("hamming_distance"),
            "<%>" => self.bits("jaccard_distance"),
            "<#>" => self.distance(Metric::InnerProduct),
            "<+>" => self.distance(Metric::L1),
            "->" | "->>" | "#>" | "#>>" | "#-" | "?" | "?|" | "?&" => self.json_access(),
            "@>" | "<@" | "&&" => self.containment(),
            "||" => self.concatenation(),
            "=" | "<>" | "!=" | "<" | "<=" | ">" | ">=" => self.comparison(),
            "+" | "-" | "*" | "/" | "%" => self.arithmetic(),
            "^" => self.power(),
            "~" | "~*" | "!~" | "!~*" | "~~" | "~~*" | "!~~" | "!~~*" => {
                self.sides(&PgType::Text, &PgType::Text).original()
            }
            "^@" => self.starts_with(),
            "AND" | "OR" => self.sides(&PgType::Bool, &PgType::Bool).original(),
            _ => self.original(),
        }
    }

    fn either(&self, ty: &PgType) -> bool {
        self.left.is(ty) || self.right.is(ty)
    }

    fn both_unknown(&self) -> bool {
        self.left.is_unknown() && self.right.is_unknown()
    }

    /// Hands over to DataFusion, the operator in a spelling it knows.
    fn original(mut self) -> Planned {
        if matches!(self.raw.op, Op::PGCustomBinaryOperator(_)) {
            self.raw.op = operator(&self.symbol).ok_or_else(|| self.undefined())?;
        }
        Ok(PlannerResult::Original(self.raw))
    }

    /// Gives operands of unknown type these ones.
    fn sides(mut self, left: &PgType, right: &PgType) -> Self {
        if self.left.is_unknown() {
            self.raw.left = known(self.raw.left, left);
        }
        if self.right.is_unknown() {
            self.raw.right = known(self.raw.right, right);
        }
        self
    }

    /// A function of the two operands, unknown ones typed as said.
    fn function(self, name: &str, left: &PgType, right: &PgType) -> Planned {
        let Self { raw, .. } = self.sides(left, right);
        Ok(PlannerResult::Planned(call(name, vec![raw.left, raw.right])?))
    }

    fn starts_with(self) -> Planned {
        let RawBinaryExpr { left, right, .. } = self.sides(&PgType::Text, &PgType::Text).raw;
        Ok(PlannerResult::Planned(starts_with(left, right)))
    }

    /// `^` is float8's, whatever the operands.
    fn power(self) -> Planned {
        let RawBinaryExpr { left, right, .. } = self.sides(&PgType::Float8, &PgType::Float8).raw;
        let as_float = |expr| cast_to(expr, &PgType::Float8, -1);
        Ok(PlannerResult::Planned(power(as_float(left), as_float(right))))
    }

    /// "operator does not exist: integer <-> text".
    fn undefined(&self) -> datafusion::common::DataFusionError {
        let name = |side: &Side| side.ty().map_or_else(|| "unknown".to_owned(), long_name);
        let message = format!(
            "operator does not exist: {} {} {}",
            name(&self.left),
            self.symbol,
            name(&self.right)
        );
        let error = SqlError::new(SqlState::UNDEFINED_FUNCTION, message).hint(
            "No operator matches the given name and argument types. \
             You might need to add explicit type casts.",
        );
        raise(error)
    }

    /// Every side jsonb, or an unknown.
    fn jsonb_only(&self) -> bool {
        let fits = |side: &Side| side.is(&PgType::Jsonb) || side.is_unknown();
        fits(&self.left) && fits(&self.right)
    }

    /// Every side a vector, an unknown, or something only execution can tell.
    fn vectors_only(&self) -> bool {
        let fits = |side: &Side| side.ty().is_none_or(is_vector_like);
        fits(&self.left) && fits(&self.right)
    }

    fn has_vector(&self) -> bool {
        [&self.left, &self.right].iter().any(|side| side.ty().is_some_and(PgType::is_vector))
    }

    fn has_bits(&self) -> bool {
        [&self.left, &self.right].iter().any(|side| side.ty().is_some_and(PgType::is_bits))
    }

    /// A function of two vectors: of the type both become by pgvector's implicit casts, which go
    /// from `vector` to `halfvec` to `sparsevec`.
    fn vectors(mut self, name: &str) -> Planned {
        let ty = [PgType::Sparsevec, PgType::Halfvec].into_iter().find(|ty| self.either(ty));
        let ty = ty.unwrap_or(PgType::Vector);
        let other = |side: &Side| side.ty().is_some_and(|own| own.is_vector() && own != &ty);
        if other(&self.left) {
            self.raw.left = cast_to(self.raw.left, &ty, -1);
        }
        if other(&self.right) {
            self.raw.right = cast_to(self.raw.right, &ty, -1);
        }
        self.function(name, &ty, &ty)
    }

    /// A function of two bit strings.
    fn bits(self, name: &str) -> Planned {
        let fits = |side: &Side| side.ty().is_none_or(PgType::is_bits);
        if !fits(&self.left) || !fits(&self.right) {
            return Err(self.undefined());
        }
        self.function(name, &PgType::Bit, &PgType::Bit)
    }

    fn distance(self, metric: Metric) -> Planned {
        if !self.vectors_only() {
            return Err(self.undefined());
        }
        self.vectors(distance_function(metric))
    }

    fn json_access(self) -> Planned {
        let left_is_json = self.left.is_json() || matches!(self.left, Side::Untold);
        let (name, right) = match self.symbol.as_str() {
            "->" => ("json_get", PgType::Text),
            "->>" => ("json_get_text", PgType::Text),
            "#>" => ("json_get_path", text_array()),
            "#>>" => ("json_get_path_text", text_array()),
            "#-" => ("jsonb_delete_path", text_array()),
            "?" => ("jsonb_exists", PgType::Text),
            "?|" => ("jsonb_exists_any", text_array()),
            _ => ("jsonb_exists_all", text_array()),
        };
        // Where DataFusion forgot that a text is jsonb, it is read as such again.
        let may_be_json = left_is_json || self.left.is_unknown() || self.left.is(&PgType::Text);
        if !may_be_json {
            return Err(self.undefined());
        }
        self.function(name, &PgType::Jsonb, &right)
    }

    fn containment(self) -> Planned {
        if self.left.is_json() || self.right.is_json() {
            let name = if self.symbol == "@>" { "jsonb_contains" } else { "jsonb_contained" };
            return self.function(name, &PgType::Jsonb, &PgType::Jsonb);
        }
        let overlap = self.symbol == "&&";
        let typed = self.alike();
        if !overlap {
            return typed.original();
        }
        let RawBinaryExpr { left, right, .. } = typed.raw;
        Ok(PlannerResult::Planned(array_has_any(left, right)))
    }

    /// An unknown side takes the other's type.
    fn alike(self) -> Self {
        let left = self.right.ty().map_or(PgType::Text, beside);
        let right = self.left.ty().map_or(PgType::Text, beside);
        self.sides(&left, &right)
    }

    fn concatenation(self) -> Planned {
        if self.has_vector() && self.vectors_only() && !self.either(&PgType::Sparsevec) {
            return self.vectors("vector_concat");
        }
        if self.left.is(&PgType::Jsonb) || self.right.is(&PgType::Jsonb) {
            return self.function("jsonb_concat", &PgType::Jsonb, &PgType::Jsonb);
        }
        let is_array = |side: &Side| matches!(side.ty(), Some(PgType::Array(_)));
        if is_array(&self.left) || is_array(&self.right) {
            return self.alike().original();
        }
        self.text_concatenation()
    }

    /// `1 || 'a'`: what is not text is written as text first, as Postgres writes it.
    fn text_concatenation(mut self) -> Planned {
        let as_text = |expr: Expr, side: &Side| match side.ty() {
            Some(ty) if !is_textual(ty) => cast_to(expr, &PgType::Text, -1),
            _ => expr,
        };
        self.raw.left = as_text(self.raw.left, &self.left);
        self.raw.right = as_text(self.raw.right, &self.right);
        self.sides(&PgType::Text, &PgType::Text).original()
    }

    fn comparison(self) -> Planned {
        if self.has_vector() && self.vectors_only() {
            let name = format!("vector_{}", self.comparison_name());
            return self.vectors(&name);
        }
        if self.has_bits() {
            let name = format!("bit{}", self.comparison_name());
            return self.bits(&name);
        }
        if self.either(&PgType::Jsonb) && self.jsonb_only() {
            match self.symbol.as_str() {
                "=" => return self.function("jsonb_eq", &PgType::Jsonb, &PgType::Jsonb),
                "<>" | "!=" => return self.function("jsonb_ne", &PgType::Jsonb, &PgType::Jsonb),
                _ => {}
            }
        }
        if let (Some(left), Some(right)) = (self.left.ty(), self.right.ty())
            && !comparable(left, right)
        {
            return Err(self.undefined());
        }
        let intervals = self.either(&PgType::Interval);
        let typed = self.alike().common_moment();
        if intervals { typed.interval_comparison() } else { typed.original() }
    }

    /// What Postgres ends the names of functions behind comparisons with.
    fn comparison_name(&self) -> &'static str {
        match self.symbol.as_str() {
            "=" => "eq",
            "<" => "lt",
            "<=" => "le",
            ">" => "gt",
            ">=" => "ge",
            _ => "ne",
        }
    }

    /// A date beside a timestamp is its midnight, on the session's wall beside a timestamptz.
    fn common_moment(mut self) -> Self {
        let (Some(left), Some(right)) = (self.left.ty(), self.right.ty()) else { return self };
        if let Some(ty) = common_moment(left, right) {
            if left != &ty {
                self.raw.left = cast_to(self.raw.left, &ty, -1);
            }
            if right != &ty {
                self.raw.right = cast_to(self.raw.right, &ty, -1);
            }
        }
        self
    }

    /// 30 days are a month here, and 24 hours a day.
    fn interval_comparison(mut self) -> Planned {
        self.raw.left = call("interval_value", vec![self.raw.left])?;
        self.raw.right = call("interval_value", vec![self.raw.right])?;
        self.original()
    }

    fn arithmetic(self) -> Planned {
        if self.has_vector() {
            let name = match self.symbol.as_str() {
                "+" => "vector_add",
                "-" => "vector_sub",
                "*" => "vector_mul",
                _ => return Err(self.undefined()),
            };
            if !self.vectors_only() || self.either(&PgType::Sparsevec) {
                return Err(self.undefined());
            }
            return self.vectors(name);
        }
        if self.symbol == "-" && self.left.is(&PgType::Jsonb) {
            return self.function("jsonb_delete", &PgType::Jsonb, &PgType::Text);
        }
        let textual = |side: &Side| side.ty().is_some_and(is_textual);
        if textual(&self.left) || textual(&self.right) {
            return Err(self.undefined());
        }
        self.time_arithmetic()
    }

    fn time_arithmetic(self) -> Planned {
        let moment = |side: &Side| side.ty().is_some_and(is_moment);
        let span = |side: &Side| side.is(&PgType::Interval) || side.is_unknown();
        let (left, right) = (moment(&self.left), moment(&self.right));
        match self.symbol.as_str() {
            "+" if left && span(&self.right) => self.shifted("timestamp_pl_interval"),
            "+" if right && span(&self.left) => self.swapped().shifted("timestamp_pl_interval"),
            "-" if left && self.right.is(&PgType::Interval) => {
                self.shifted("timestamp_mi_interval")
            }
            "-" if left && (right || self.right.is_unknown()) => self.difference(),
            "*" | "/" if self.either(&PgType::Interval) => self.scaled_interval(),
            _ => self.alike().original(),
        }
    }

    fn swapped(self) -> Self {
        let Self { symbol, raw: RawBinaryExpr { op, left, right }, left: a, right: b } = self;
        Self { symbol, raw: RawBinaryExpr { op, left: right, right: left }, left: b, right: a }
    }

    /// A moment and an interval, the moment first.
    fn shifted(self, name: &str) -> Planned {
        self.function(name, &PgType::Timestamptz, &PgType::Interval)
    }

    /// The time between two moments, as an interval of days and the rest; of dates, days.
    fn difference(self) -> Planned {
        let typed = self.alike();
        let dates = |side: &Side| side.ty().is_none_or(|ty| ty == &PgType::Date);
        let name = match dates(&typed.left) && dates(&typed.right) {
            true => "date_mi",
            false => "timestamp_mi",
        };
        let RawBinaryExpr { left, right, .. } = typed.raw;
        Ok(PlannerResult::Planned(call(name, vec![left, right])?))
    }

    fn scaled_interval(self) -> Planned {
        let swapped = self.right.is(&PgType::Interval);
        if swapped && (self.symbol == "/" || self.left.is(&PgType::Interval)) {
            return Err(self.undefined());
        }
        let name = if self.symbol == "/" { "interval_div" } else { "interval_mul" };
        let RawBinaryExpr { left, right, .. } = self.sides(&PgType::Float8, &PgType::Float8).raw;
        let args = if swapped { vec![right, left] } else { vec![left, right] };
        Ok(PlannerResult::Planned(call(name, args)?))
    }
}

fn is_moment(ty: &PgType) -> bool {
    matches!(ty, PgType::Date | PgType::Timestamp | PgType::Timestamptz)
}

/// What two moments of different kinds are compared as.
pub(super) fn common_moment(left: &PgType, right: &PgType) -> Option<PgType> {
    let zoned = left == &PgType::Timestamptz || right == &PgType::Timestamptz;
    let mixed = is_moment(left) && is_moment(right) && left != right;
    mixed.then_some(if zoned { PgType::Timestamptz } else { PgType::Timestamp })
}

/// A vector, or an array pgvector would make one of.
fn is_vector_like(ty: &PgType) -> bool {
    match ty {
        vector if vector.is_vector() => true,
        PgType::Array(item) => matches!(
            **item,
            PgType::Float4
                | PgType::Float8
                | PgType::Int2
                | PgType::Int4
                | PgType::Int8
                | PgType::Numeric
        ),
        _ => false,
    }
}

/// False for pairs DataFusion would compare byte for byte, or not at all.
fn comparable(left: &PgType, right: &PgType) -> bool {
    let apart = |ty: &PgType| {
        matches!(ty, PgType::Uuid | PgType::Jsonb | PgType::Json | PgType::Bytea)
            || ty.is_vector()
            || ty.is_bits()
    };
    left == right || !(apart(left) || apart(right))
}

/// An unknown operand as this type; a string constant that should be text stays as it is.
fn known(expr: Expr, ty: &PgType) -> Expr {
    let parameter = matches!(expr, Expr::Placeholder(_));
    if is_textual(ty) && !parameter { expr } else { cast_to(expr, ty, -1) }
}

fn text_array() -> PgType {
    PgType::Array(Box::new(PgType::Text))
}
