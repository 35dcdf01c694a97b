//! The sqlparser dialect: Postgres', with the doors opened that the temporal clauses go through.
//!
//! sqlparser asks its dialect about every turn it takes, so this one forwards every answer that
//! [`PostgreSqlDialect`] gives and differs in seven places only:
//!
//! - `SETTINGS` after a query and a version after a table name are read. Users cannot write
//!   either (see `fuse`): the first carries the trailing AS OF, the second a table's clauses.
//! - An argument's name is an identifier, not any expression. sqlparser reads each argument twice
//!   to find an expression's name, and so `f(f(f(...)))` in time exponential in its depth: forty
//!   calls would hold a processor for ever.
//! - `name := value` names an argument, as `name => value` does. sqlparser has it off for Postgres,
//!   and would read an expression.
//! - `<=>` binds as pgvector's operators do, tighter than a comparison.
//! - `ON` and `SETTINGS` are no aliases of a select item, so that `SELECT 1 ON CONFLICT ...` and
//!   `SELECT 1 AS OF t` parse.
//!
//! - A parse may begin so many expressions and no more. sqlparser tries an expression that begins
//!   with CAST, TRIM, SUBSTRING and the like again as a plain call when it fails, and so a syntax
//!   error under forty of them takes 2^40 tries. The error by which it is stopped is the only one
//!   that sqlparser does not try to recover from.
//!
//! Rejected: the feature `derive-dialect`, which would change sqlparser's features for DataFusion.

use std::any::TypeId;
use std::cell::Cell;

use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

const POSTGRES: PostgreSqlDialect = PostgreSqlDialect {};

/// Postgres' dialect with temporal clauses, for one parse.
#[derive(Clone, Debug)]
pub(crate) struct CvxDialect {
    /// Expressions and SELECTs that may still be begun.
    fuel: Cell<usize>,
}

impl CvxDialect {
    /// For the parse of so many tokens.
    pub(crate) fn for_tokens(tokens: usize) -> Self {
        Self { fuel: Cell::new(FUEL_BASE + FUEL_PER_TOKEN * tokens) }
    }

    /// Takes one unit and says whether there was one.
    fn burn(&self) -> bool {
        let left = self.fuel.get();
        self.fuel.set(left.saturating_sub(1));
        left > 0
    }
}

/// A statement begins about one expression a token; a hundred thousand take a tenth of a second.
const FUEL_PER_TOKEN: usize = 8;
const FUEL_BASE: usize = 100_000;

macro_rules! forward {
    ($($name:ident)*) => {
        $(fn $name(&self) -> bool {
            POSTGRES.$name()
        })*
    };
}

impl Dialect for CvxDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    fn parse_prefix(&self, _parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        (!self.burn()).then_some(Err(ParserError::RecursionLimitExceeded))
    }

    /// Asked once a SELECT. `SELECT FROM` begins no expression, so it must end here.
    fn supports_empty_projections(&self) -> bool {
        self.burn()
    }

    fn supports_table_versioning(&self) -> bool {
        true
    }

    fn supports_settings(&self) -> bool {
        true
    }

    fn supports_named_fn_args_with_expr_name(&self) -> bool {
        false
    }

    fn supports_named_fn_args_with_assignment_operator(&self) -> bool {
        true
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        if parser.peek_token_ref().token == Token::Spaceship {
            return Some(Ok(self.prec_value(Precedence::PgOther)));
        }
        POSTGRES.get_next_precedence(parser)
    }

    fn is_select_item_alias(&self, explicit: bool, kw: &Keyword, parser: &mut Parser) -> bool {
        let is_clause = matches!(kw, Keyword::ON | Keyword::SETTINGS) && !explicit;
        !is_clause && POSTGRES.is_select_item_alias(explicit, kw, parser)
    }

    /// TOP is a clause elsewhere, in Postgres a name like any other.
    fn is_table_factor_alias(&self, explicit: bool, kw: &Keyword, parser: &mut Parser) -> bool {
        *kw == Keyword::TOP || POSTGRES.is_table_factor_alias(explicit, kw, parser)
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        POSTGRES.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        POSTGRES.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        POSTGRES.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        POSTGRES.is_identifier_part(ch)
    }

    fn is_reserved_for_identifier(&self, kw: Keyword) -> bool {
        POSTGRES.is_reserved_for_identifier(kw)
    }

    fn is_custom_operator_part(&self, ch: char) -> bool {
        POSTGRES.is_custom_operator_part(ch)
    }

    fn prec_value(&self, prec: Precedence) -> u8 {
        POSTGRES.prec_value(prec)
    }

    forward! {
        supports_unicode_string_literal supports_filter_during_aggregation supports_group_by_expr
        allow_extract_custom allow_extract_single_quotes supports_create_index_with_clause
        supports_explain_with_utility_options supports_listen_notify supports_factorial_operator
        supports_bitwise_shift_operators supports_comment_on supports_load_extension
        supports_named_fn_args_with_colon_operator
        supports_nested_comments supports_string_escape_constant
        supports_numeric_literal_underscores supports_array_typedef_with_brackets
        supports_geometric_types supports_set_names supports_alter_column_type_using
        supports_notnull_operator supports_interval_options supports_insert_table_alias
        supports_create_table_like_parenthesized supports_select_wildcard_with_alias
        supports_comma_separated_trim supports_xml_expressions supports_comment_optimizer_hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> CvxDialect {
        CvxDialect::for_tokens(1)
    }

    macro_rules! answers {
        ($($name:ident)*) => {
            vec![$((stringify!($name), ours().$name(), POSTGRES.$name())),*]
        };
    }

    /// Every yes-or-no question of sqlparser 0.62.0's `Dialect`. After an upgrade: list the new
    /// ones here, and forward those that Postgres answers.
    fn answers() -> Vec<(&'static str, bool, bool)> {
        answers! {
            supports_string_literal_backslash_escape ignores_wildcard_escapes
            supports_unicode_string_literal supports_filter_during_aggregation
            supports_window_clause_named_window_reference supports_within_after_array_aggregation
            supports_partition_by_after_order_by supports_array_join_syntax supports_group_by_expr
            supports_group_by_with_modifier supports_left_associative_joins_without_parens
            supports_outer_join_operator supports_cross_join_constraint supports_connect_by
            supports_execute_immediate supports_match_recognize supports_in_empty_list
            supports_start_transaction_modifier supports_end_transaction_modifier
            supports_named_fn_args_with_eq_operator supports_named_fn_args_with_colon_operator
            supports_named_fn_args_with_assignment_operator
            supports_named_fn_args_with_rarrow_operator supports_named_fn_args_with_expr_name
            supports_numeric_prefix supports_numeric_literal_underscores
            supports_window_function_null_treatment_arg supports_dictionary_syntax
            support_map_literal_syntax supports_lambda_functions
            supports_parenthesized_set_variables supports_comma_separated_set_assignments
            supports_update_order_by supports_select_wildcard_except convert_type_before_value
            supports_triple_quoted_string supports_trailing_commas supports_limit_comma
            supports_string_literal_concatenation supports_string_literal_concatenation_with_newline
            supports_projection_trailing_commas supports_from_trailing_commas
            supports_column_definition_trailing_commas supports_object_name_double_dot_notation
            supports_struct_literal supports_empty_projections supports_select_expr_star
            supports_from_first_select supports_from_first_insert supports_pipe_operator
            supports_user_host_grantee supports_match_against supports_select_wildcard_exclude
            supports_select_exclude supports_create_table_multi_schema_info_sources
            supports_select_modifiers describe_requires_table_keyword allow_extract_custom
            allow_extract_single_quotes supports_extract_comma_syntax
            supports_subquery_as_function_arg supports_create_view_comment_syntax
            supports_array_typedef_without_element_type supports_parens_around_table_factor
            supports_values_as_table_factor supports_dollar_placeholder
            supports_dollar_as_money_prefix supports_create_index_with_clause
            require_interval_qualifier supports_explain_with_utility_options
            supports_asc_desc_in_column_definition supports_factorial_operator
            supports_bitwise_shift_operators supports_nested_comments
            supports_multiline_comment_hints supports_eq_alias_assignment supports_try_convert
            supports_bang_not_operator supports_listen_notify supports_load_data
            supports_load_extension supports_top_before_distinct supports_boolean_literals
            supports_show_like_before_in supports_comment_on supports_create_table_select
            supports_partiql supports_constraint_keyword_without_name supports_key_column_option
            supports_table_sample_before_alias supports_insert_set supports_insert_table_function
            supports_insert_table_query supports_insert_format supports_insert_table_alias
            supports_set_stmt_without_operator supports_table_versioning
            supports_string_escape_constant supports_table_hints
            requires_single_line_comment_whitespace supports_array_typedef_with_brackets
            supports_geometric_types supports_order_by_all supports_set_names
            supports_space_separated_column_options supports_alter_column_type_using
            supports_comma_separated_drop_column_list supports_notnull_operator
            supports_data_type_signed_suffix supports_interval_options
            supports_create_table_like_parenthesized supports_semantic_view_table_factor
            supports_quote_delimited_string supports_comment_optimizer_hint
            supports_double_ampersand_operator supports_binary_kw_as_cast
            supports_select_wildcard_replace supports_select_wildcard_ilike
            supports_select_wildcard_rename supports_select_wildcard_with_alias
            supports_optimize_table supports_install supports_detach supports_prewhere
            supports_with_fill supports_limit_by supports_interpolate supports_settings
            supports_select_format supports_comma_separated_trim supports_cte_without_as
            supports_select_item_multi_column_alias supports_xml_expressions
            supports_create_table_using supports_long_type_as_bigint
            supports_map_literal_with_angle_brackets
        }
    }

    #[test]
    fn differs_from_postgres_where_it_says_so_and_nowhere_else() {
        let differing = answers().into_iter().filter(|(_, ours, theirs)| ours != theirs);
        let names: Vec<_> = differing.map(|(name, _, _)| name).collect();
        let expected = [
            "supports_named_fn_args_with_assignment_operator",
            "supports_named_fn_args_with_expr_name",
            "supports_table_versioning",
            "supports_settings",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn characters_and_precedences_are_those_of_postgres() {
        for ch in (0..0x3000).filter_map(char::from_u32) {
            assert_eq!(ours().is_identifier_start(ch), POSTGRES.is_identifier_start(ch));
            assert_eq!(ours().is_identifier_part(ch), POSTGRES.is_identifier_part(ch));
            assert_eq!(ours().is_custom_operator_part(ch), POSTGRES.is_custom_operator_part(ch));
            let quote = ours().is_delimited_identifier_start(ch);
            assert_eq!(quote, POSTGRES.is_delimited_identifier_start(ch));
        }
        assert_eq!(ours().prec_value(Precedence::Eq), POSTGRES.prec_value(Precedence::Eq));
        assert_eq!(ours().identifier_quote_style("a"), Some('"'));
        assert!(!ours().is_reserved_for_identifier(Keyword::INTERVAL));
    }

    /// The lists above were drawn up for this version.
    #[test]
    fn the_lists_are_for_the_locked_sqlparser() {
        let lock = include_str!("../../../Cargo.lock").replace("\r\n", "\n");
        assert!(lock.contains("name = \"sqlparser\"\nversion = \"0.62.0\""));
    }
}
