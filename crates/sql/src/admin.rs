//! CALL cvx.*: what an operator asks of the engine, and the `cvx` schema's tables.

use crate::bind::object_name;
use crate::error::from_engine;
use crate::plan::{Params, StatementCx};
use crate::session::SqlSession;
use cvx_engine::Table;
use cvx_session::{Notice, Outcome};
use cvx_types::{PgType, Result, SqlError, SqlState};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};
use std::sync::Arc;

pub async fn call(
    session: &mut SqlSession,
    function: &Function,
    params: &Params,
    text: &str,
) -> Result<Outcome> {
    let name = object_name(&function.name).join(".");
    let table = session
        .reading(params, text, async |cx: &StatementCx<'_>| match name.as_str() {
            "cvx.compact" | "cvx.seal" => argument_table(cx, &name, function),
            "cvx.erase" => Err(SqlError::unsupported("CALL cvx.erase")),
            _ => Err(SqlError::new(
                SqlState::UNDEFINED_FUNCTION,
                format!("procedure {name} does not exist"),
            )),
        })
        .await?;
    let engine = Arc::clone(session.engine());
    let work = tokio::task::spawn_blocking(move || match name.as_str() {
        "cvx.seal" => engine.seal(&table).map(|()| "sealed".to_owned()),
        _ => engine.compact(&table).map(|report| format!("{report:?}")),
    });
    let done = work.await.map_err(|panic| {
        SqlError::new(SqlState::INTERNAL_ERROR, format!("the call failed: {panic}"))
    })?;
    let message = done.map_err(from_engine)?;
    session.notify(Notice { severity: "INFO", state: "00000", message });
    Ok(Outcome::Done { tag: "CALL".to_owned() })
}

fn argument_table(cx: &StatementCx<'_>, name: &str, function: &Function) -> Result<Arc<Table>> {
    let wrong = || {
        SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("{name} takes the name of a table"))
    };
    let FunctionArguments::List(list) = &function.args else { return Err(wrong()) };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = list.args.as_slice() else {
        return Err(wrong());
    };
    let text = table_name(cx, argument)?;
    let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    cx.find_table(&parts).ok_or_else(|| crate::plan::undefined_table(&text))
}

fn table_name(cx: &StatementCx<'_>, argument: &Expr) -> Result<String> {
    use arrow::array::{Array, AsArray};
    let array = cx.constant(argument, &PgType::Text, -1)?;
    let text = array.as_string::<i32>();
    if text.is_null(0) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER, "the table's name is NULL"));
    }
    Ok(text.value(0).to_owned())
}
