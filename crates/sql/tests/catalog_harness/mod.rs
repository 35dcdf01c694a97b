//! A small database around the catalog: DataFusion, our tables and functions, a few tables.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use cvx_core::{Metric, SpaceId};
use cvx_engine::{Catalog, ColumnDef, IndexDef, Table, TableOptions, View, ViewColumn};
use cvx_sql::pg_catalog::{
    CorrelatedSubqueries, SessionFacts, Setting, Sizes, SystemCatalog, functions, output_names,
    reg, rewrite,
};
use cvx_types::PgType;
use datafusion::catalog::TableProvider;
use datafusion::catalog::{CatalogProvider, MemTable, MemoryCatalogProvider, SchemaProvider};
use datafusion::common::{ParamValues, Result, ScalarValue};
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::{self, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use std::sync::Arc;

/// Sizes as if somebody had measured them.
#[derive(Debug)]
struct Measured;

impl Sizes for Measured {
    fn rows(&self, oid: u32) -> Option<i64> {
        (oid == 16396).then_some(1200)
    }

    fn bytes(&self, oid: u32) -> Option<i64> {
        Some(if oid == 16396 { 3_500_000 } else { 8192 })
    }
}

/// A session on the sample database.
pub struct Harness {
    model: Arc<SystemCatalog>,
    context: SessionContext,
}

impl Harness {
    pub fn new() -> Self {
        let model = Arc::new(SystemCatalog::new(Arc::new(sample()), facts()));
        let rule = CorrelatedSubqueries::new(
            SessionStateBuilder::new().with_config(config()).with_default_features().build(),
        );
        let state = SessionStateBuilder::new()
            .with_config(config())
            .with_default_features()
            .with_type_planner(Arc::new(PgTypes))
            .with_analyzer_rule(Arc::new(rule))
            .build();
        let context = SessionContext::new_with_state(state);
        for function in functions(&model) {
            context.register_udf(function);
        }
        let catalog = MemoryCatalogProvider::new();
        for schema in ["public", "pg_catalog", "information_schema"] {
            let tables = Schema { name: schema, model: Arc::clone(&model) };
            catalog.register_schema(schema, Arc::new(tables)).unwrap();
        }
        context.register_catalog("cvx", Arc::new(catalog));
        Self { model, context }
    }

    /// The rows of a statement as text, a line each.
    pub async fn run(&self, text: &str) -> Result<String> {
        let (text, only) = split_only(text);
        let (sql, params) = split_params(text);
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, &sql)?.remove(0);
        let names = match &statement {
            Statement::Query(query) => output_names(query),
            _ => Vec::new(),
        };
        rewrite(&mut statement);
        let plan = self.plan(statement).await?;
        let plan = bind(plan, &params)?;
        let batches = self.context.execute_logical_plan(plan).await?.collect().await?;
        let mut rows = String::new();
        for batch in &batches {
            if !names.contains(&None) {
                assert_eq!(names.len(), batch.num_columns(), "a name a column: {names:?}");
            }
            let columns: Vec<Vec<String>> = batch.columns().iter().map(show).collect();
            for row in 0..batch.num_rows() {
                let cells: Vec<&str> = columns.iter().map(|column| column[row].as_str()).collect();
                let line = cells.join("|");
                if line.contains(only) {
                    rows.push_str(&line);
                    rows.push('\n');
                }
            }
        }
        Ok(rows)
    }

    async fn plan(&self, statement: Statement) -> Result<LogicalPlan> {
        let state = self.context.state();
        let parsed = ParsedStatement::Statement(Box::new(statement));
        reg::resolve(state.statement_to_plan(parsed).await?, &self.model)
    }

    #[allow(dead_code, reason = "each test binary uses its own part")]
    pub fn model(&self) -> &Arc<SystemCatalog> {
        &self.model
    }
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(1);
    config = config.with_default_catalog_and_schema("cvx", "public");
    let options = config.options_mut();
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.default_null_ordering = "nulls_max".to_owned();
    config
}

/// `-- only: text` at a statement's end: of its rows those with this text.
fn split_only(text: &str) -> (&str, &str) {
    text.rsplit_once("\n-- only: ").map_or((text, ""), |(sql, only)| (sql, only.trim_end()))
}

/// `-- params: $1 = 'x', $2 = NULL`, as Postgres logs it, off a statement's end.
fn split_params(text: &str) -> (String, Vec<Option<String>>) {
    let Some((sql, said)) = text.rsplit_once("-- params: ") else {
        return (text.to_owned(), Vec::new());
    };
    let value = |part: &str| {
        let (_, value) = part.split_once(" = ").unwrap();
        value.strip_prefix('\'').map(|quoted| quoted.trim_end().trim_end_matches('\'').to_owned())
    };
    (sql.to_owned(), said.trim_end().split(", $").map(value).collect())
}

fn bind(plan: LogicalPlan, params: &[Option<String>]) -> Result<LogicalPlan> {
    if params.is_empty() {
        return Ok(plan);
    }
    let types = plan.get_parameter_types()?;
    let value = |(at, said): (usize, &Option<String>)| {
        let text = ScalarValue::Utf8(said.clone());
        match types.get(&format!("${}", at + 1)) {
            Some(Some(DataType::List(_))) => Ok(list(said)),
            Some(Some(ty)) => text.cast_to(ty),
            _ if said.as_ref().is_some_and(|said| said.starts_with('{')) => Ok(list(said)),
            _ => Ok(text),
        }
    };
    let values = params.iter().enumerate().map(value).collect::<Result<Vec<_>>>()?;
    plan.with_param_values(ParamValues::from(values))
}

/// `{a,b}` as a list, of numbers where they are numbers.
fn list(said: &Option<String>) -> ScalarValue {
    let inner = said.as_deref().unwrap().trim_matches(['{', '}']).to_owned();
    let numbers: Option<Vec<ScalarValue>> =
        inner.split(',').map(|n| n.parse().ok().map(|n| ScalarValue::Int64(Some(n)))).collect();
    let texts = inner.split(',').map(ScalarValue::from).collect();
    let items: Vec<ScalarValue> = numbers.unwrap_or(texts);
    ScalarValue::List(ScalarValue::new_list(&items, &items[0].data_type(), true))
}

/// A column's values as Postgres prints them, as far as the catalog has their types.
fn show(column: &ArrayRef) -> Vec<String> {
    (0..column.len()).map(|row| show_one(column, row)).collect()
}

fn show_one(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) || *column.data_type() == DataType::Null {
        return "∅".to_owned();
    }
    match column.data_type() {
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            let shown = show(&items).join(",");
            format!("{{{shown}}}")
        }
        DataType::Boolean => if column.as_boolean().value(row) { "t" } else { "f" }.to_owned(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        _ => {
            let options = FormatOptions::default();
            ArrayFormatter::try_new(column, &options).unwrap().value(row).to_string()
        }
    }
}

#[derive(Debug)]
struct Schema {
    name: &'static str,
    model: Arc<SystemCatalog>,
}

#[async_trait]
impl SchemaProvider for Schema {
    fn table_names(&self) -> Vec<String> {
        self.model.table_names(self.name)
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if self.name != "public" {
            return Ok(self.model.table(self.name, name));
        }
        let system = self.model.table("pg_catalog", name);
        Ok(system.or_else(|| {
            let table = self.model.catalog.table("public", name)?;
            let schema = table.arrow_schema();
            let rows = MemTable::try_new(schema, vec![vec![]]).ok()?;
            Some(Arc::new(rows) as Arc<dyn TableProvider>)
        }))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.model.table(self.name, name).is_some()
    }
}

/// Types by their names in Postgres, as the planner of statements has them.
#[derive(Debug)]
struct PgTypes;

impl TypePlanner for PgTypes {
    fn plan_type_field(&self, ty: &ast::DataType) -> Result<Option<FieldRef>> {
        let ast::DataType::Custom(name, _) = ty else { return Ok(None) };
        let name = name.to_string().trim_matches('"').to_lowercase();
        Ok(PgType::from_name(&name).map(|ty| Arc::new(ty.field("", -1, true))))
    }
}

fn facts() -> SessionFacts {
    let setting = |name: &str, value: &str| Setting {
        name: name.to_owned(),
        value: value.to_owned(),
        description: String::new(),
    };
    SessionFacts {
        settings: Arc::new([
            setting("default_table_access_method", "heap"),
            setting("jit", "off"),
            setting("max_index_keys", "32"),
            setting("search_path", "\"$user\", public"),
            setting("server_version", "16.6"),
        ]),
        backend_pid: 4711,
        sizes: Arc::new(Measured),
        ..SessionFacts::new("cvx", "cvx")
    }
}

/// `docs` with a key, an index and valid time; `items` with a sequence; `notes`; a view.
fn sample() -> Catalog {
    let mut catalog = Catalog::empty();
    for table in [docs(), items(), notes()] {
        let key = (table.schema.clone(), table.name.clone());
        Arc::make_mut(&mut catalog.here).tables.insert(key, Arc::new(table));
    }
    let column = |name: &str, ty| ViewColumn { name: name.to_owned(), ty, typmod: -1 };
    let recent = View {
        oid: 16414,
        schema: "public".to_owned(),
        name: "recent".to_owned(),
        sql: "SELECT doc_id, title FROM docs WHERE doc_id > 10".to_owned(),
        columns: vec![column("doc_id", PgType::Int8), column("title", PgType::Text)],
    };
    Arc::make_mut(&mut catalog.here)
        .views
        .insert(("public".to_owned(), "recent".to_owned()), Arc::new(recent));
    Arc::make_mut(&mut catalog.here).extensions.insert("vector".to_owned());
    catalog
}

fn docs() -> Table {
    let text_array = PgType::Array(Box::new(PgType::Text));
    let mut columns = vec![
        ColumnDef::new(1, "doc_id", PgType::Int8, -1),
        ColumnDef::new(2, "ts", PgType::Timestamptz, -1),
        ColumnDef::new(3, "title", PgType::Text, -1),
        ColumnDef::new(4, "meta", PgType::Jsonb, -1),
        ColumnDef::new(5, "label", PgType::Varchar, 14),
        ColumnDef::new(6, "price", PgType::Numeric, (10 << 16 | 2) + 4),
        ColumnDef::new(7, "tags", text_array, -1),
        ColumnDef::new(8, "embedding", PgType::Vector, 3),
    ];
    columns[2].default = Some("'untitled'".to_owned());
    columns[4].default = Some("'x'".to_owned());
    columns[4].not_null = true;
    let index = IndexDef {
        oid: 16404,
        name: "docs_embedding_idx".to_owned(),
        column: 8,
        expression: None,
        method: "hnsw".to_owned(),
        opclass: "vector_cosine_ops".to_owned(),
        metric: Some(Metric::Cosine),
        options: vec![
            ("m".to_owned(), "16".to_owned()),
            ("ef_construction".to_owned(), "100".to_owned()),
        ],
    };
    Table {
        key: vec![1, 2],
        entity: Some(1),
        valid_time: Some(2),
        indexes: vec![index],
        comment: Some("Documents over time".to_owned()),
        key_index_oid: 16403,
        ..table(16396, "docs", columns)
    }
}

fn items() -> Table {
    let mut columns = vec![
        ColumnDef::new(1, "id", PgType::Int8, -1),
        ColumnDef::new(2, "name", PgType::Text, -1),
        ColumnDef::new(3, "embedding", PgType::Vector, 3),
    ];
    columns[0].sequence = Some(1);
    columns[1].not_null = true;
    Table { key: vec![1], key_index_oid: 16412, ..table(16406, "items", columns) }
}

fn notes() -> Table {
    table(16418, "notes", vec![ColumnDef::new(1, "body", PgType::Text, -1)])
}

fn table(oid: u32, name: &str, columns: Vec<ColumnDef>) -> Table {
    Table {
        oid,
        space: SpaceId(oid),
        schema: "public".to_owned(),
        name: name.to_owned(),
        columns,
        key: Vec::new(),
        entity: None,
        valid_time: None,
        options: TableOptions::standard(),
        indexes: Vec::new(),
        comment: None,
        key_index_oid: 0,
    }
}
