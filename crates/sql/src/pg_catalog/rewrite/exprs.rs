//! Expressions, from the leaves up.

use super::{is_system_schema, parts, type_parts};
use crate::pg_catalog::quote;
use crate::pg_catalog::reg::Alias;
use crate::pg_catalog::spec::system_tables;
use cvx_types::PgType;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Array, ArrayElemTypeDef, BinaryOperator, DataType, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, OrderByKind, Query, Select, SelectItem, SetExpr, UnaryOperator,
    Value, ValueWithSpan,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Span;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Rewrites one expression whose parts are rewritten already.
pub fn rewrite(expr: &mut Expr) {
    let taken = std::mem::replace(expr, null());
    *expr = match taken {
        Expr::BinaryOp { left, op: BinaryOperator::PGCustomBinaryOperator(name), right } => {
            operator(left, &name, right)
        }
        Expr::BinaryOp { left, op: op @ (BinaryOperator::Eq | BinaryOperator::NotEq), right } => {
            compare(left, op, right)
        }
        Expr::Collate { expr, collation } if is_byte_order(&collation) => *expr,
        Expr::Cast { kind, expr, data_type, array, format } => {
            let data_type = plain_type(data_type);
            match alias_of(&data_type) {
                Some(alias) => call(&alias.reader(), vec![*expr]),
                None => Expr::Cast { kind, expr, data_type, array, format },
            }
        }
        Expr::Function(function) => plain_call(function),
        case @ Expr::Case { .. } if gathers_oids(&case) => as_oids(case),
        Expr::CompoundFieldAccess { root, access_chain } => access(*root, access_chain),
        Expr::Identifier(name) if is_reserved_function(&name) => {
            call(&name.value.to_lowercase(), Vec::new())
        }
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, is_some } => {
            match array_literal(&right) {
                Some(list) => Expr::InList { expr: left, list, negated: false },
                None => Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, is_some },
            }
        }
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => {
            match array_literal(&right) {
                Some(list) => Expr::InList { expr: left, list, negated: true },
                None => Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right },
            }
        }
        Expr::Like { negated, any: false, expr, pattern, escape_char: Some(escape) }
            if escape.value != Value::SingleQuotedString("\\".to_owned()) =>
        {
            let like = call("cvx_like", vec![*expr, *pattern, Expr::Value(escape)]);
            if negated { not(like) } else { like }
        }
        other => other,
    };
}

/// Whether a CASE chooses `(SELECT array_agg(some_oid) ...)`: the planner forgets there that these
/// numbers are OIDs, and asyncpg then asks what a bigint[] is, for ever.
fn gathers_oids(case: &Expr) -> bool {
    let Expr::Case { conditions, .. } = case else { return false };
    let gathers = |result: &Expr| {
        let Expr::Subquery(query) = result else { return false };
        let SetExpr::Select(select) = query.body.as_ref() else { return false };
        let [
            SelectItem::UnnamedExpr(Expr::Function(function))
            | SelectItem::ExprWithAlias { expr: Expr::Function(function), .. },
        ] = select.projection.as_slice()
        else {
            return false;
        };
        let FunctionArguments::List(list) = &function.args else { return false };
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = list.args.as_slice() else {
            return false;
        };
        parts(&function.name) == ["array_agg"] && is_oid_column(argument)
    };
    conditions.iter().any(|when| gathers(&when.result))
}

/// Whether this is a column that some system table has as an OID.
fn is_oid_column(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Identifier(name) => name,
        Expr::CompoundIdentifier(names) => match names.last() {
            Some(name) => name,
            None => return false,
        },
        _ => return false,
    };
    let columns = || system_tables().flat_map(|table| &table.columns);
    columns().any(|column| column.ty == PgType::Oid && column.name == name.value)
}

fn as_oids(expr: Expr) -> Expr {
    let oid = DataType::Custom(ObjectName::from(vec![Ident::new("oid")]), Vec::new());
    let data_type = DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(oid), None));
    let kind = datafusion::sql::sqlparser::ast::CastKind::Cast;
    Expr::Cast { kind, expr: Box::new(expr), data_type, array: false, format: None }
}

/// Whether a cast to this type is one that only the catalog's statements use.
pub fn is_postgres_type(ty: &DataType) -> bool {
    let qualified = matches!(type_parts(ty).as_slice(), [schema, _] if is_system_schema(schema));
    qualified || alias_of(&plain_type(ty.clone())).is_some()
}

/// Names that are calls without parentheses, and that the parser takes for columns.
pub fn is_reserved_function(name: &Ident) -> bool {
    let reserved = ["current_schema", "current_role"];
    name.quote_style.is_none() && reserved.iter().any(|r| name.value.eq_ignore_ascii_case(r))
}

fn not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) }
}

/// `a OPERATOR(pg_catalog.op) b`; of other schemas' operators nothing is known.
fn operator(left: Box<Expr>, name: &[String], right: Box<Expr>) -> Expr {
    let like = |negated| Expr::Like {
        negated,
        any: false,
        expr: left.clone(),
        pattern: right.clone(),
        escape_char: None,
    };
    let symbol = match name {
        [schema, symbol] if schema == "pg_catalog" => symbol.as_str(),
        [symbol] => symbol.as_str(),
        _ => "",
    };
    let op = match symbol {
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "%" => BinaryOperator::Modulo,
        "||" => BinaryOperator::StringConcat,
        "&" => BinaryOperator::BitwiseAnd,
        "|" => BinaryOperator::BitwiseOr,
        "~~" => return like(false),
        "!~~" => return like(true),
        _ => BinaryOperator::PGCustomBinaryOperator(name.to_vec()),
    };
    Expr::BinaryOp { left, op, right }
}

/// Collations in which strings order as bytes, which is how they order here anyway.
fn is_byte_order(collation: &ObjectName) -> bool {
    let bytes = ["default", "C", "c", "POSIX", "posix", "ucs_basic"];
    match parts(collation).as_slice() {
        [name] => bytes.contains(&name.as_str()),
        [schema, name] => schema == "pg_catalog" && bytes.contains(&name.as_str()),
        _ => false,
    }
}

/// `pg_catalog.text` as `text`.
fn plain_type(ty: DataType) -> DataType {
    if let DataType::Array(ArrayElemTypeDef::SquareBracket(element, size)) = ty {
        let element = Box::new(plain_type(*element));
        return DataType::Array(ArrayElemTypeDef::SquareBracket(element, size));
    }
    match type_parts(&ty).as_slice() {
        [schema, name] if schema == "pg_catalog" && name == "char" => {
            let name = ObjectNamePart::Identifier(Ident::with_quote('"', name));
            DataType::Custom(ObjectName(vec![name]), Vec::new())
        }
        [schema, name] if schema == "pg_catalog" => {
            let parsed = Parser::new(&PostgreSqlDialect {})
                .try_with_sql(name)
                .and_then(|mut parser| parser.parse_data_type());
            parsed.unwrap_or(ty)
        }
        _ => ty,
    }
}

/// The OID alias, or array of them, that a type is.
fn alias_of(ty: &DataType) -> Option<Alias> {
    match ty {
        DataType::Regclass => Some(Alias::Class),
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, None)) => alias_of(element),
        _ => match type_parts(ty).as_slice() {
            [name] => Alias::from_name(name),
            _ => None,
        },
    }
}

/// A call by its plain name; set-returning ones as `unnest` of a list.
fn plain_call(mut function: Function) -> Expr {
    let named = parts(&function.name);
    let name = match named.as_slice() {
        [schema, name] if is_system_schema(schema) => name.clone(),
        [name] => name.clone(),
        _ => return Expr::Function(function),
    };
    if let ("array", FunctionArguments::Subquery(query)) = (name.as_str(), &function.args) {
        let query = query.clone();
        return array_of(*query).unwrap_or(Expr::Function(function));
    }
    if named.len() > 1 {
        function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(&name))]);
    }
    if let ("coalesce", FunctionArguments::List(arguments)) = (name.as_str(), &function.args)
        && arguments.args.iter().any(is_array_literal)
    {
        function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new("cvx_coalesce"))]);
        return Expr::Function(function);
    }
    let list = match name.as_str() {
        "_pg_expandarray" => "cvx_expandarray",
        "generate_subscripts" => "cvx_subscripts",
        _ => return Expr::Function(function),
    };
    function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(list))]);
    call("unnest", vec![Expr::Function(function)])
}

/// A call of a function.
pub fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let argument = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.into_iter().map(argument).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// `ARRAY(SELECT e .. ORDER BY k)` as `cvx_array_of((SELECT array_agg(e ORDER BY k) ..))`.
///
/// Only for a plain SELECT of one expression: with DISTINCT, GROUP BY, LIMIT or a set operation
/// the rows are others than the aggregate would see, and the statement stays refused.
fn array_of(mut query: Query) -> Option<Expr> {
    let order = match query.order_by.take() {
        None => Vec::new(),
        Some(order) => match order.kind {
            OrderByKind::Expressions(keys) if order.interpolate.is_none() => keys,
            _ => return None,
        },
    };
    let plain = query.limit_clause.is_none() && query.fetch.is_none() && query.with.is_none();
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    if !plain || !is_ungrouped(select) {
        return None;
    }
    let [item] = select.projection.as_mut_slice() else { return None };
    let (SelectItem::UnnamedExpr(element) | SelectItem::ExprWithAlias { expr: element, .. }) = item
    else {
        return None;
    };
    let element = element.clone();
    let by_position = |mut key: datafusion::sql::sqlparser::ast::OrderByExpr| {
        if is_number(&key.expr, "1") {
            key.expr = element.clone();
        }
        key
    };
    let order: Vec<_> = order.into_iter().map(by_position).collect();
    let mut aggregate = call("array_agg", vec![element.clone()]);
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut aggregate
        && !order.is_empty()
    {
        list.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
    *item = SelectItem::ExprWithAlias { expr: aggregate, alias: Ident::new("array") };
    Some(call("cvx_array_of", vec![Expr::Subquery(Box::new(query))]))
}

/// Whether a SELECT gives one row for each row of its FROM and WHERE.
fn is_ungrouped(select: &Select) -> bool {
    use datafusion::sql::sqlparser::ast::GroupByExpr;
    let grouped = match &select.group_by {
        GroupByExpr::Expressions(keys, modifiers) => !keys.is_empty() || !modifiers.is_empty(),
        GroupByExpr::All(_) => true,
    };
    !grouped && select.distinct.is_none() && select.having.is_none()
}

fn is_number(expr: &Expr, digits: &str) -> bool {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. }) => number == digits,
        _ => false,
    }
}

/// `(x).f[1]`: fields by `get_field`, subscripts as they are.
fn access(root: Expr, chain: Vec<AccessExpr>) -> Expr {
    chain.into_iter().fold(root, |root, access| match access {
        // `con.conkey[1]` comes as `con`, `.conkey`, `[1]`: the dot is the column's.
        AccessExpr::Dot(Expr::Identifier(field)) => {
            let root = match root {
                Expr::Identifier(table) => return Expr::CompoundIdentifier(vec![table, field]),
                root => root,
            };
            let name = match field.quote_style {
                Some(_) => field.value,
                None => field.value.to_lowercase(),
            };
            call("get_field", vec![root, string(name)])
        }
        other => match root {
            Expr::CompoundFieldAccess { root, mut access_chain } => {
                access_chain.push(other);
                Expr::CompoundFieldAccess { root, access_chain }
            }
            root => Expr::CompoundFieldAccess { root: Box::new(root), access_chain: vec![other] },
        },
    })
}

/// The elements of an array written as a string (`'{r,p}'`), where it is one.
fn array_literal(expr: &Expr) -> Option<Vec<Expr>> {
    let text = match expr {
        Expr::Nested(inner) => return array_literal(inner),
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => text,
        _ => return None,
    };
    let elements = quote::array_elements(text)?;
    if elements.is_empty() {
        return None;
    }
    let element = |element: Option<String>| element.map_or(null(), string);
    Some(elements.into_iter().map(element).collect())
}

/// `polroles = '{0}'`: beside an array of the catalog a string is an array.
fn compare(left: Box<Expr>, op: BinaryOperator, right: Box<Expr>) -> Expr {
    let (left, right) = match (is_array_column(&left), is_array_column(&right)) {
        (true, false) => (left, array(right)),
        (false, true) => (array(left), right),
        _ => (left, right),
    };
    Expr::BinaryOp { left, op, right }
}

fn is_array_column(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        _ => None,
    };
    name.is_some_and(|name| ARRAYS.contains(name.value.to_lowercase().as_str()))
}

/// The names of the catalog's array columns.
static ARRAYS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let columns = system_tables().flat_map(|table| &table.columns);
    columns.filter(|c| matches!(c.ty, PgType::Array(_))).map(|c| c.name).collect()
});

/// A string as `ARRAY[..]`, of numbers where all are.
fn array(expr: Box<Expr>) -> Box<Expr> {
    let Some(elem) = array_literal(&expr) else { return expr };
    let number = |element: &Expr| match element {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => {
            text.parse::<i64>().ok().map(|_| Value::Number(text.clone(), false))
        }
        _ => None,
    };
    let numbers: Option<Vec<Value>> = elem.iter().map(number).collect();
    let elem = numbers.map_or(elem, |numbers| {
        numbers.into_iter().map(|value| Expr::Value(value.into())).collect()
    });
    Box::new(Expr::Array(Array { elem, named: true }))
}

/// Whether an expression is a string that reads as an array.
fn is_array_literal(argument: &FunctionArg) -> bool {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(text),
            ..
        }))) => quote::array_elements(text).is_some(),
        _ => false,
    }
}

fn string(text: String) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span: Span::empty() })
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}
