//! One item of a FROM list, or the table that a statement writes to, with its time clauses.
//!
//! ```text
//! item = [LATERAL] (name | name(args) | (query) | (join)) {clause | [AS] alias [(columns)]}
//! ```

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token};

use super::clause::{self, Axis, Clauses, Named, Period};
use super::expression::is_reserved;
use super::level::{Clause, Level, Verb};
use super::{Portion, Scope, TIME_FUNCTION, tokens_of};
use crate::error::Fault;
use crate::fuse::demote;
use crate::tree::{Node, leaf, word};

/// What the statement does with the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Source,
    Target,
}

/// What stands before the clauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A table, and where in `out` its name ends.
    Table(usize),
    /// A call, and where in `out` its arguments are.
    Function(usize),
    Query,
    Join,
}

/// An AS OF that may turn out to be the query's.
struct Open {
    key: &'static str,
    span: Span,
    at: Vec<Node>,
}

impl Level<'_> {
    /// Reads an item, if one stands here.
    pub(super) fn item(&mut self, role: Role) -> Result<(), Fault> {
        if self.keyword(0) == Keyword::LATERAL {
            self.keep();
        }
        let Some(kind) = self.primary(role) else {
            return Ok(());
        };
        let mut clauses = Clauses::default();
        let mut open: Option<Open> = None;
        let mut aliased = false;
        loop {
            if self.at_time_clause() {
                self.time_clause(role, open.as_ref(), &mut clauses)?;
            } else if self.at_as_of(true) {
                self.item_as_of(&mut open, &clauses)?;
            } else if self.keyword(0) == Keyword::WITH && self.keyword(1) == Keyword::ORDINALITY {
                self.keep();
                self.keep();
            } else if !aliased && self.at_alias(role) {
                aliased = true;
                self.alias();
                if let Some(open) = open.take() {
                    own(open, &mut clauses)?;
                }
            } else {
                break;
            }
        }
        if let Some(open) = open {
            self.settle(open, role, &mut clauses)?;
        }
        self.attach(clauses, kind, role)
    }

    fn primary(&mut self, role: Role) -> Option<Kind> {
        let is_name = |node: Option<&Node>| node.is_some_and(Node::is_identifier);
        // Tables have no heirs here, so that ONLY and the star behind a name change nothing.
        if self.peek(0).is_some_and(|node| node.is_word("ONLY")) && is_name(self.peek(1)) {
            self.take();
        }
        if let Some(node) = self.peek(0)
            && node.parenthesised().is_some()
        {
            let kind = if super::level::holds_query(node) { Kind::Query } else { Kind::Join };
            self.keep();
            return Some(kind);
        }
        if !is_name(self.peek(0)) || is_reserved(self.keyword(0)) {
            return None;
        }
        self.keep();
        while self.peek(0).is_some_and(|node| node.is_token(&Token::Period))
            && is_name(self.peek(1))
        {
            self.keep();
            self.keep();
        }
        if self.peek(0).is_some_and(|node| node.is_token(&Token::Mul)) {
            self.take();
        }
        self.demote_version_words();
        let is_call = self.peek(0).is_some_and(|node| node.parenthesised().is_some());
        if is_call && role == Role::Source {
            self.keep();
            return Some(Kind::Function(self.out.len() - 1));
        }
        Some(Kind::Table(self.out.len()))
    }

    /// AT, BEFORE and CHANGES are aliases here; sqlparser would read a version.
    fn demote_version_words(&mut self) {
        if matches!(self.keyword(0), Keyword::AT | Keyword::BEFORE | Keyword::CHANGES)
            && let Some(Node::Leaf(mut leaf)) = self.take()
        {
            demote(&mut leaf);
            self.give_back(Node::Leaf(leaf));
        }
    }

    fn at_alias(&self, role: Role) -> bool {
        if self.keyword(0) == Keyword::AS {
            return self.peek(1).is_some_and(Node::is_identifier);
        }
        // INSERT INTO t VALUES: only AS makes an alias of what follows.
        let bare = role == Role::Source || self.verb != Verb::Insert;
        let keyword = self.keyword(0);
        bare && self.peek(0).is_some_and(Node::is_identifier)
            && !is_reserved(keyword)
            && keyword != Keyword::SET
    }

    fn alias(&mut self) {
        if self.keyword(0) == Keyword::AS {
            self.keep();
        }
        self.keep();
        let has_columns = self.peek(0).is_some_and(|node| node.parenthesised().is_some());
        if has_columns {
            self.keep();
        }
    }

    /// Whether FOR begins a time clause, right or wrong, and not FOR UPDATE.
    fn at_time_clause(&self) -> bool {
        if self.keyword(0) != Keyword::FOR {
            return false;
        }
        if self.peek(1).is_some_and(|node| node.is_word("PORTION")) {
            return true;
        }
        if clause::axis(self.peek(1), self.peek(2)).is_some() {
            return true;
        }
        let is_lock = matches!(self.keyword(1), Keyword::UPDATE | Keyword::SHARE);
        let as_of =
            self.keyword(2) == Keyword::AS && self.peek(3).is_some_and(|node| node.is_word("OF"));
        !is_lock && self.peek(1).is_some_and(Node::is_identifier) && as_of
    }

    fn time_clause(
        &mut self,
        role: Role,
        open: Option<&Open>,
        clauses: &mut Clauses,
    ) -> Result<(), Fault> {
        let span = self.take().map_or(Span::empty(), |node| node.span());
        if let Some(open) = open {
            return Err(clause::both(open.span.start));
        }
        self.lift.note(span.start)?;
        if self.peek(0).is_some_and(|node| node.is_word("PORTION")) {
            return self.portion(role, span.start);
        }
        let axis = self.axis(span.start)?;
        let period = self.period(axis)?;
        if clauses.neutral.is_some() {
            return Err(clause::both(span.start));
        }
        clauses.set(axis, period, span)
    }

    fn axis(&mut self, at: Location) -> Result<Axis, Fault> {
        let Some(Named::Known(axis, words)) = clause::axis(self.peek(0), self.peek(1)) else {
            let named = self.peek(0).and_then(Node::word).map(|word| word.value.clone());
            let message = format!("unknown time clause FOR {}", named.unwrap_or_default());
            return Err(Fault::syntax(at, message)
                .hint("the time axes are FOR VALID_TIME and FOR SYSTEM_TIME"));
        };
        (0..words).for_each(|_| drop(self.take()));
        Ok(axis)
    }

    fn period(&mut self, axis: Axis) -> Result<Period, Fault> {
        let is_as_of = self.peek(1).is_some_and(|node| node.is_word("OF"));
        match self.keyword(0) {
            Keyword::ALL => {
                self.take();
                Ok(Period::All)
            }
            Keyword::AS if is_as_of => {
                self.take();
                self.take();
                Ok(Period::AsOf(self.expression(false)?))
            }
            Keyword::FROM => {
                self.take();
                let from = self.expression(false)?;
                self.expect(Keyword::TO, "expected TO and the end of the period")?;
                Ok(Period::FromTo(from, self.expression(false)?))
            }
            Keyword::BETWEEN => {
                self.take();
                let from = self.expression(true)?;
                self.expect(Keyword::AND, "expected AND and the end of the period")?;
                Ok(Period::Between(from, self.expression(true)?))
            }
            _ => Err(self.fault_here(&format!(
                "expected AS OF, FROM ... TO, BETWEEN ... AND or ALL after FOR {}",
                axis.spelling()
            ))),
        }
    }

    fn expect(&mut self, keyword: Keyword, expected: &str) -> Result<(), Fault> {
        if self.keyword(0) != keyword {
            return Err(self.fault_here(expected));
        }
        self.take();
        Ok(())
    }

    /// `PORTION OF VALID_TIME FROM .. TO ..`, FOR being taken.
    fn portion(&mut self, role: Role, at: Location) -> Result<(), Fault> {
        self.take();
        if !self.peek(0).is_some_and(|node| node.is_word("OF")) {
            return Err(self.fault_here("expected FOR PORTION OF VALID_TIME"));
        }
        self.take();
        let axis = self.axis(at)?;
        let is_delete = self.verb == Verb::Delete && role == Role::Target;
        if axis == Axis::System || !is_delete || self.scope != Scope::Statement {
            return Err(Fault::unsupported(at, "only DELETE FROM takes FOR PORTION OF VALID_TIME")
                .hint("DELETE FROM docs FOR PORTION OF VALID_TIME FROM t TO NULL ends an entity"));
        }
        if self.keyword(0) != Keyword::FROM {
            return Err(self.fault_here("expected FROM ... TO after FOR PORTION OF VALID_TIME"));
        }
        let Period::FromTo(from, to) = self.period(axis)? else {
            return Err(self.fault_here("expected FROM ... TO after FOR PORTION OF VALID_TIME"));
        };
        let portion = Portion { at, from: tokens_of(from), to: tokens_of(to) };
        if self.lift.portion.replace(portion).is_some() {
            return Err(Fault::syntax(at, "FOR PORTION OF stands twice"));
        }
        Ok(())
    }

    fn item_as_of(&mut self, open: &mut Option<Open>, clauses: &Clauses) -> Result<(), Fault> {
        let (key, span) = self.as_of_words()?;
        if open.is_some() {
            return Err(Fault::syntax(span.start, "AS OF stands twice on one table"));
        }
        if clauses.neutral.is_some() {
            return Err(Fault::syntax(span.start, "AS OF stands twice on one table"));
        }
        let at = self.expression(false)?;
        *open = Some(Open { key, span, at });
        Ok(())
    }

    /// Decides whose an AS OF is that ends an item: the table's if more of the list follows, and
    /// in statements that write and in joins in parentheses, which are no queries.
    fn settle(&mut self, open: Open, role: Role, clauses: &mut Clauses) -> Result<(), Fault> {
        let in_query = self.verb == Verb::Query && self.scope != Scope::Join;
        let in_from = self.clause == Clause::From;
        if role == Role::Target || !in_query || !in_from || self.goes_on_with_from() {
            return own(open, clauses);
        }
        self.set_trailing(open.key, open.span, open.at)
    }

    fn attach(&mut self, clauses: Clauses, kind: Kind, role: Role) -> Result<(), Fault> {
        if clauses.is_empty() {
            return Ok(());
        }
        let span = clauses.span.unwrap_or(Span::empty());
        if role == Role::Target {
            let message = "the table that a statement writes to takes no time clause";
            return Err(Fault::unsupported(span.start, message).hint("a write changes the present"));
        }
        match kind {
            Kind::Table(at) => {
                self.out.splice(at..at, clauses.into_call());
            }
            Kind::Function(at) => {
                if let Some(Node::Group(arguments)) = self.out.get_mut(at) {
                    if !arguments.nodes.is_empty() {
                        arguments.nodes.push(leaf(Token::Comma, span));
                    }
                    arguments.nodes.extend([word(TIME_FUNCTION, span), leaf(Token::RArrow, span)]);
                    arguments.nodes.extend(clauses.into_call());
                }
            }
            Kind::Query | Kind::Join => {
                let what = if kind == Kind::Query { "a sub-query" } else { "a join" };
                let message = format!("{what} in FROM takes no time clause");
                return Err(Fault::unsupported(span.start, message)
                    .hint("put AS OF inside its parentheses"));
            }
        }
        Ok(())
    }
}

/// Makes an AS OF the table's own.
fn own(open: Open, clauses: &mut Clauses) -> Result<(), Fault> {
    if open.key == super::AS_OF_SYSTEM {
        return clauses.set(Axis::System, Period::AsOf(open.at), open.span);
    }
    clauses.set_neutral(open.at, open.span)
}
