//! Temporal clauses, lifted out of the token stream to where sqlparser can carry them.
//!
//! sqlparser has no hook at the end of a query, and reads only `FOR SYSTEM_TIME AS OF` behind a
//! table. So the clauses are taken out of the tokens before it sees them, and put back in a form
//! that it reads and that users cannot write:
//!
//! ```text
//! SELECT .. FROM docs WHERE .. AS OF e LIMIT 3     SELECT .. FROM docs WHERE .. LIMIT 3
//!                                                    SETTINGS as_of = e
//! docs FOR VALID_TIME AS OF e AS d                 docs __cvx_time(valid_as_of => e) AS d
//! TRAJECTORY(docs, 7) FOR SYSTEM_TIME AS OF e      TRAJECTORY(docs, 7, __cvx_time =>
//!                                                    __cvx_time(system_as_of => e))
//! st_distance(v, q, ALPHA 0.7 AT e)                st_distance(v, q, alpha => 0.7, at => e)
//! DELETE FROM docs FOR PORTION OF VALID_TIME ..    DELETE FROM docs, and a `Portion`
//! ```
//!
//! The axis of a bare AS OF stays open: only the binder knows which tables have valid time.
//!
//! **Where AS OF belongs.** On its own level of parentheses, AS OF is the query's if it stands at
//! the end of the FROM list or behind it; it is one table's own if more of the FROM list follows
//! (a join, a comma, ON, USING, an alias). A UNION is one query. See `grammar/cvx.ebnf`.
//!
//! Invariant: what is moved keeps its place in the text, so that errors point to what was written.
//!
//! Rejected: lowering AS OF to `FOR SYSTEM_TIME` here (the axis would be decided without the
//! catalog), and a fork of sqlparser (every release would have to be paid for).

mod clause;
mod distance;
mod expression;
mod item;
mod level;

use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use crate::error::Fault;
use crate::tree::{self, Node};

/// The function that stands for a table's time clauses, and the argument that hands it to a table
/// function.
pub(crate) const TIME_FUNCTION: &str = "__cvx_time";
/// The setting that stands for a trailing AS OF.
pub(crate) const AS_OF: &str = "as_of";
/// The setting that stands for a trailing AS OF SYSTEM TIME.
pub(crate) const AS_OF_SYSTEM: &str = "as_of_system";

/// A statement's tokens in a form that sqlparser reads.
pub(crate) struct Lifted {
    pub(crate) tokens: Vec<TokenWithSpan>,
    pub(crate) portion: Option<Portion>,
    /// Where the moved clauses stood.
    pub(crate) moved: Vec<Location>,
}

/// `FOR PORTION OF VALID_TIME FROM .. TO ..`, taken out of a DELETE.
pub(crate) struct Portion {
    pub(crate) at: Location,
    pub(crate) from: Vec<TokenWithSpan>,
    pub(crate) to: Vec<TokenWithSpan>,
}

/// What a level of parentheses is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// A whole statement.
    Statement,
    /// A query in parentheses.
    Query,
    /// A join in parentheses.
    Join,
    /// The arguments of st_distance.
    Distance,
    /// Anything else: arguments, lists, expressions.
    Plain,
}

/// What all levels of a statement share.
#[derive(Default)]
struct Lift {
    portion: Option<Portion>,
    moved: Vec<Location>,
}

/// More time clauses than anybody writes. Each is parsed once more than the rest of the statement.
const CLAUSES_MAX: usize = 500;

impl Lift {
    fn note(&mut self, at: Location) -> Result<(), Fault> {
        self.moved.push(at);
        if self.moved.len() > CLAUSES_MAX {
            let message = format!("a statement may have {CLAUSES_MAX} time clauses");
            return Err(Fault::too_complex(at, message));
        }
        Ok(())
    }
}

/// Lifts the clauses of a statement.
pub(crate) fn statement(tokens: Vec<TokenWithSpan>) -> Result<Lifted, Fault> {
    lift(tokens, Scope::Statement)
}

/// Lifts the clauses of the queries inside an expression.
pub(crate) fn expression(tokens: Vec<TokenWithSpan>) -> Result<Lifted, Fault> {
    lift(tokens, Scope::Plain)
}

fn lift(tokens: Vec<TokenWithSpan>, scope: Scope) -> Result<Lifted, Fault> {
    if !has_clause_words(&tokens) {
        return Ok(Lifted { tokens, portion: None, moved: Vec::new() });
    }
    let mut lift = Lift::default();
    let nodes = level::lift(&mut lift, tree::build(tokens)?, scope)?;
    let mut tokens = Vec::new();
    tree::flatten(nodes, &mut tokens);
    Ok(Lifted { tokens, portion: lift.portion, moved: lift.moved })
}

/// Whether anything stands here that the levels would change or refuse. Large INSERTs have nothing
/// of it, and need no tree of nodes.
fn has_clause_words(tokens: &[TokenWithSpan]) -> bool {
    let mut after_word = false;
    tokens.iter().any(|token| {
        let follows_word = std::mem::replace(&mut after_word, false);
        match &token.token {
            Token::Word(word) if word.quote_style.is_none() => {
                after_word = true;
                let name = word.value.to_ascii_uppercase();
                name.ends_with("TIME")
                    || CLAUSE_WORDS.contains(&name.as_str())
                    || name.eq_ignore_ascii_case(distance::NAME)
            }
            Token::Word(_) => {
                after_word = true;
                false
            }
            // FROM docs *
            Token::Mul => follows_word,
            _ => false,
        }
    })
}

const CLAUSE_WORDS: [&str; 7] = ["OF", "PORTION", "ONLY", "TABLE", "AT", "BEFORE", "CHANGES"];

fn tokens_of(nodes: Vec<Node>) -> Vec<TokenWithSpan> {
    let mut tokens = Vec::new();
    tree::flatten(nodes, &mut tokens);
    tokens
}
