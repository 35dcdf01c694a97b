//! One level of parentheses, read from left to right.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span, Token};

use super::clause::{self, Axis, Named};
use super::{AS_OF, AS_OF_SYSTEM, Lift, Scope, distance, expression};
use crate::error::Fault;
use crate::tree::{Node, leaf, word};

/// What kind of statement the level holds, as far as AS OF minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    None,
    Query,
    Insert,
    Update,
    Delete,
    Merge,
}

/// Where in its statement the level is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    Head,
    Projection,
    From,
    Tail,
}

struct Trailing {
    key: &'static str,
    span: Span,
    at: Vec<Node>,
}

pub(super) struct Level<'l> {
    pub(super) lift: &'l mut Lift,
    pub(super) scope: Scope,
    /// What is still to be read, the next node last.
    rest: Vec<Node>,
    pub(super) out: Vec<Node>,
    pub(super) verb: Verb,
    pub(super) clause: Clause,
    trailing: Option<Trailing>,
    /// Whether AS OF stood before FROM in the SELECT being read.
    early: bool,
    /// Where in `out` the last SELECT or VALUES begins.
    query: usize,
    /// Whether the target of INSERT, UPDATE, DELETE or MERGE has been read.
    has_target: bool,
}

/// Lifts the clauses of a level and of the levels inside it.
pub(super) fn lift(
    lift: &mut Lift,
    mut nodes: Vec<Node>,
    scope: Scope,
) -> Result<Vec<Node>, Fault> {
    lift_groups(lift, &mut nodes)?;
    if scope == Scope::Distance {
        nodes = distance::name_arguments(nodes);
    }
    nodes.reverse();
    let mut level = Level {
        lift,
        scope,
        out: Vec::with_capacity(nodes.len()),
        rest: nodes,
        verb: Verb::None,
        clause: if scope == Scope::Join { Clause::From } else { Clause::Head },
        trailing: None,
        early: false,
        query: 0,
        has_target: false,
    };
    if scope == Scope::Join {
        level.item(super::item::Role::Source)?;
    }
    while !level.rest.is_empty() {
        level.step()?;
    }
    level.finish()
}

fn lift_groups(lift: &mut Lift, nodes: &mut [Node]) -> Result<(), Fault> {
    let mut after_distance = false;
    for node in nodes {
        match node {
            Node::Group(group) => {
                let scope = if after_distance { Scope::Distance } else { scope_of(&group.nodes) };
                let inner = std::mem::take(&mut group.nodes);
                group.nodes = self::lift(lift, inner, scope)?;
                after_distance = false;
            }
            Node::Leaf(_) => after_distance = node.is_word(distance::NAME),
        }
    }
    Ok(())
}

/// What a group holds, by its own first words.
fn scope_of(nodes: &[Node]) -> Scope {
    if starts_query(nodes) {
        return Scope::Query;
    }
    if nodes.first().is_some_and(is_query) && goes_on_with_query(nodes) {
        return Scope::Query;
    }
    let joins = nodes.iter().any(|node| node.keyword() == Keyword::JOIN);
    if joins { Scope::Join } else { Scope::Plain }
}

/// Whether a query in parentheses at the head of a level is a part of a larger query.
fn goes_on_with_query(nodes: &[Node]) -> bool {
    let as_of = nodes.get(1).is_some_and(|node| node.keyword() == Keyword::AS)
        && nodes.get(2).is_some_and(|node| node.is_word("OF"))
        && clause::starts_time(nodes.get(3), nodes.get(4), false);
    let next = nodes.get(1).map(Node::keyword);
    as_of
        || matches!(
            next,
            None | Some(
                Keyword::UNION
                    | Keyword::EXCEPT
                    | Keyword::INTERSECT
                    | Keyword::ORDER
                    | Keyword::LIMIT
                    | Keyword::OFFSET
                    | Keyword::FETCH
                    | Keyword::FOR
            )
        )
}

fn starts_query(nodes: &[Node]) -> bool {
    let second_is_name = || nodes.get(1).is_some_and(Node::is_identifier);
    let second_is_group = || nodes.get(1).is_some_and(|node| node.parenthesised().is_some());
    match nodes.first().map(Node::keyword) {
        Some(Keyword::SELECT) => true,
        Some(Keyword::VALUES) => second_is_group(),
        Some(Keyword::WITH | Keyword::TABLE) => second_is_name(),
        Some(Keyword::INSERT | Keyword::UPDATE | Keyword::DELETE) => second_is_name(),
        _ => false,
    }
}

fn is_query(node: &Node) -> bool {
    node.parenthesised().is_some_and(|group| scope_of(&group.nodes) == Scope::Query)
}

impl Level<'_> {
    /// The node that is `ahead` further on.
    pub(super) fn peek(&self, ahead: usize) -> Option<&Node> {
        self.rest.len().checked_sub(ahead + 1).and_then(|at| self.rest.get(at))
    }

    pub(super) fn keyword(&self, ahead: usize) -> Keyword {
        self.peek(ahead).map_or(Keyword::NoKeyword, Node::keyword)
    }

    pub(super) fn take(&mut self) -> Option<Node> {
        self.rest.pop()
    }

    pub(super) fn give_back(&mut self, node: Node) {
        self.rest.push(node);
    }

    /// Takes a node over as it is.
    pub(super) fn keep(&mut self) {
        let node = self.take();
        self.out.extend(node);
    }

    fn last_keyword(&self, back: usize) -> Keyword {
        let node = self.out.len().checked_sub(back + 1).and_then(|at| self.out.get(at));
        node.map_or(Keyword::NoKeyword, Node::keyword)
    }

    pub(super) fn at_as_of(&self, after_item: bool) -> bool {
        self.keyword(0) == Keyword::AS
            && self.peek(1).is_some_and(|node| node.is_word("OF"))
            && clause::starts_time(self.peek(2), self.peek(3), after_item)
    }

    /// Reads an expression and hands out its nodes.
    pub(super) fn expression(&mut self, is_bound: bool) -> Result<Vec<Node>, Fault> {
        let length = expression::length(self.rest.iter().rev(), is_bound)?;
        Ok((0..length).filter_map(|_| self.take()).collect())
    }

    /// The place of the node that comes next, for errors.
    pub(super) fn fault_here(&self, expected: &str) -> Fault {
        self.peek(0)
            .map_or_else(|| Fault::end(expected), |node| Fault::near(node.start(), expected))
    }

    fn step(&mut self) -> Result<(), Fault> {
        if self.at_as_of(false) {
            return self.trailing();
        }
        let keyword = self.keyword(0);
        if keyword == Keyword::FOR {
            self.refuse_misplaced_clause()?;
        }
        let is_comma = self.peek(0).is_some_and(|node| node.is_token(&Token::Comma));
        if is_comma && self.clause == Clause::From {
            self.keep();
            return self.item(super::item::Role::Source);
        }
        if self.peek(0).is_some_and(is_query) && self.at_parenthesised_query() {
            self.begin_query(Clause::Tail);
        }
        if keyword == Keyword::NoKeyword || self.is_name() {
            self.keep();
            return Ok(());
        }
        self.keyword_step(keyword)
    }

    /// Whether a query in parentheses that stands here is the statement's, and not a CTE's.
    fn at_parenthesised_query(&self) -> bool {
        let begins = matches!(self.verb, Verb::None | Verb::Insert) && self.scope != Scope::Plain;
        let named = self.last_keyword(0) == Keyword::AS;
        let first = self.out.first().map_or(Keyword::NoKeyword, Node::keyword);
        let is_cte = self.last_keyword(0) == Keyword::MATERIALIZED
            || (named && !matches!(first, Keyword::CREATE | Keyword::PREPARE));
        begins && !is_cte
    }

    /// Whether the keyword that comes next is a name: behind a period, or behind AS where no
    /// statement can begin.
    fn is_name(&self) -> bool {
        let after_period = self.out.last().is_some_and(|node| node.is_token(&Token::Period));
        let labels = self.last_keyword(0) == Keyword::AS && self.verb != Verb::None;
        after_period || labels
    }

    fn keyword_step(&mut self, keyword: Keyword) -> Result<(), Fault> {
        use super::item::Role;
        match (keyword, self.verb) {
            (Keyword::SELECT, _) => self.begin_query(Clause::Projection),
            (Keyword::VALUES, Verb::None | Verb::Query | Verb::Insert) => {
                self.begin_query(Clause::Tail);
            }
            (Keyword::TABLE, _) if self.at_table_query() => return self.table_query(),
            (Keyword::INSERT, Verb::None) => self.verb = Verb::Insert,
            (Keyword::MERGE, Verb::None) => self.verb = Verb::Merge,
            (Keyword::DELETE, Verb::None) => self.verb = Verb::Delete,
            (Keyword::UPDATE, Verb::None) => {
                self.verb = Verb::Update;
                return self.target();
            }
            (Keyword::INTO, Verb::Insert | Verb::Merge) if !self.has_target => {
                return self.target();
            }
            (Keyword::FROM, _) if self.compares_distinct() => {}
            (Keyword::FROM, Verb::Delete) if !self.has_target => return self.target(),
            (Keyword::FROM, Verb::Query | Verb::Update) => return self.from(),
            (Keyword::USING, Verb::Delete | Verb::Merge) if self.clause == Clause::Head => {
                return self.from();
            }
            (Keyword::JOIN, _) if self.clause == Clause::From => {
                self.keep();
                return self.item(Role::Source);
            }
            _ => self.end_from(keyword),
        }
        self.keep();
        Ok(())
    }

    /// Whether `IS DISTINCT` or `IS NOT DISTINCT` stands before FROM.
    fn compares_distinct(&self) -> bool {
        self.last_keyword(0) == Keyword::DISTINCT
            && matches!(self.last_keyword(1), Keyword::IS | Keyword::NOT)
    }

    fn begin_query(&mut self, clause: Clause) {
        self.verb = Verb::Query;
        self.clause = clause;
        self.early = false;
        self.query = self.out.len();
    }

    fn target(&mut self) -> Result<(), Fault> {
        self.keep();
        self.has_target = true;
        self.item(super::item::Role::Target)
    }

    fn from(&mut self) -> Result<(), Fault> {
        if let Some(trailing) = self.trailing.as_ref().filter(|_| self.early) {
            return Err(misplaced(trailing.span));
        }
        self.keep();
        self.clause = Clause::From;
        self.item(super::item::Role::Source)
    }

    /// Clause words behind which commas no longer separate tables.
    fn end_from(&mut self, keyword: Keyword) {
        match keyword {
            Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT => self.clause = Clause::Head,
            Keyword::WHERE
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::WINDOW
            | Keyword::ORDER
            | Keyword::LIMIT
            | Keyword::OFFSET
            | Keyword::FETCH
            | Keyword::FOR
            | Keyword::RETURNING => self.clause = Clause::Tail,
            Keyword::WHEN if self.verb == Verb::Merge => self.clause = Clause::Tail,
            Keyword::CONFLICT if self.last_keyword(0) == Keyword::ON => self.clause = Clause::Tail,
            _ => {}
        }
    }

    /// Whether TABLE stands where a query may begin, and a name follows.
    fn at_table_query(&self) -> bool {
        let after = matches!(
            self.last_keyword(0),
            Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
                | Keyword::ALL
                | Keyword::AS
                | Keyword::EXPLAIN
                | Keyword::ANALYZE
                | Keyword::VERBOSE
        );
        let after_options = self.last_keyword(1) == Keyword::EXPLAIN
            && self.out.last().is_some_and(|node| node.parenthesised().is_some());
        let inserted = self.verb == Verb::Insert && self.has_target;
        let begins = self.out.is_empty() && self.scope != Scope::Plain;
        (begins || after || after_options || inserted)
            && self.peek(1).is_some_and(Node::is_identifier)
    }

    /// `TABLE docs` is `SELECT * FROM docs`, which DataFusion knows.
    fn table_query(&mut self) -> Result<(), Fault> {
        let span = self.take().map_or(Span::empty(), |node| node.span());
        self.begin_query(Clause::Projection);
        self.out.extend([word("SELECT", span), leaf(Token::Mul, span), word("FROM", span)]);
        self.clause = Clause::From;
        self.item(super::item::Role::Source)
    }

    /// Reads `AS OF [SYSTEM TIME] <time>` as the query's.
    fn trailing(&mut self) -> Result<(), Fault> {
        let (key, span) = self.as_of_words()?;
        let at = self.expression(false)?;
        if self.clause == Clause::From && self.goes_on_with_from() {
            let place = "here AS OF stands behind neither a table nor the whole FROM list";
            return Err(Fault::syntax(span.start, place)
                .hint("write it directly behind the table, or at the end of the SELECT"));
        }
        self.set_trailing(key, span, at)
    }

    /// Takes AS OF and the words for system time, if they are there.
    pub(super) fn as_of_words(&mut self) -> Result<(&'static str, Span), Fault> {
        let span = self.take().map_or(Span::empty(), |node| node.span());
        self.take();
        self.lift.note(span.start)?;
        let named = clause::axis(self.peek(0), self.peek(1));
        let words = match named {
            Some(Named::Known(Axis::System, words)) => words,
            Some(Named::Known(Axis::Valid, words)) if self.begins_time_after(words) => {
                return Err(Fault::syntax(span.start, "AS OF VALID TIME is not a clause").hint(
                    "AS OF alone is valid time where a table has it; or name it on the table: \
                     docs FOR VALID_TIME AS OF ...",
                ));
            }
            Some(Named::Known(Axis::Valid, _) | Named::Unknown) | None => 0,
        };
        if words == 0 || !self.begins_time_after(words) {
            return Ok((AS_OF, span));
        }
        (0..words).for_each(|_| drop(self.take()));
        Ok((AS_OF_SYSTEM, span))
    }

    fn begins_time_after(&self, words: usize) -> bool {
        clause::starts_time(self.peek(words), self.peek(words + 1), false)
    }

    pub(super) fn set_trailing(
        &mut self,
        key: &'static str,
        span: Span,
        at: Vec<Node>,
    ) -> Result<(), Fault> {
        let statement = match (self.scope, self.verb) {
            (Scope::Plain | Scope::Join | Scope::Distance, _) | (_, Verb::None) => {
                return Err(misplaced(span));
            }
            (_, Verb::Query) => None,
            (_, Verb::Insert) => Some("INSERT"),
            (_, Verb::Update) => Some("UPDATE"),
            (_, Verb::Delete) => Some("DELETE"),
            (_, Verb::Merge) => Some("MERGE"),
        };
        if let Some(statement) = statement {
            let message = format!("AS OF cannot stand at the end of {statement}");
            return Err(Fault::unsupported(span.start, message)
                .hint("a write reads and changes the present; give the tables it reads AS OF"));
        }
        if self.trailing.is_some() {
            return Err(Fault::syntax(span.start, "one query has two AS OF")
                .hint("a UNION is one query; put parentheses around a branch that has its own"));
        }
        self.early = self.clause == Clause::Projection;
        self.trailing = Some(Trailing { key, span, at });
        Ok(())
    }

    /// Whether more of a FROM list follows.
    pub(super) fn goes_on_with_from(&self) -> bool {
        let on_conflict = self.keyword(0) == Keyword::ON
            && self.peek(1).is_some_and(|node| node.is_word("CONFLICT"));
        let is_comma = self.peek(0).is_some_and(|node| node.is_token(&Token::Comma));
        is_comma
            || (!on_conflict
                && matches!(
                    self.keyword(0),
                    Keyword::JOIN
                        | Keyword::INNER
                        | Keyword::LEFT
                        | Keyword::RIGHT
                        | Keyword::FULL
                        | Keyword::CROSS
                        | Keyword::NATURAL
                        | Keyword::ON
                        | Keyword::USING
                        | Keyword::TABLESAMPLE
                ))
    }

    /// A clause that names an axis where no table stands before it.
    fn refuse_misplaced_clause(&self) -> Result<(), Fault> {
        let portion = self.peek(1).is_some_and(|node| node.is_word("PORTION"));
        let known = matches!(clause::axis(self.peek(1), self.peek(2)), Some(Named::Known(..)));
        let at = self.peek(0).map_or(Span::empty(), Node::span);
        if portion && self.peek(2).is_some_and(|node| node.is_word("OF")) {
            return Err(Fault::syntax(
                at.start,
                "FOR PORTION OF must follow the table of a DELETE",
            ));
        }
        if known && self.scope != Scope::Plain {
            return Err(Fault::syntax(at.start, "a time clause must follow a table in FROM"));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Node>, Fault> {
        let Some(Trailing { key, span, at }) = self.trailing.take() else {
            return Ok(self.out);
        };
        let tail = self.tail();
        let mut setting = vec![word("SETTINGS", span), word(key, span), leaf(Token::Eq, span)];
        setting.extend(at);
        self.out.splice(tail..tail, setting);
        Ok(self.out)
    }

    /// Where sqlparser reads SETTINGS: behind LIMIT and OFFSET, before FETCH and FOR, and before
    /// what belongs to the statement around the query.
    fn tail(&self) -> usize {
        let next = |at: usize| self.out.get(at + 1).map_or(Keyword::NoKeyword, Node::keyword);
        let ends = |at: usize, node: &Node| match node.keyword() {
            Keyword::FETCH => matches!(next(at), Keyword::FIRST | Keyword::NEXT),
            Keyword::FOR => matches!(next(at), Keyword::UPDATE | Keyword::SHARE),
            Keyword::ON => next(at) == Keyword::CONFLICT,
            Keyword::WITH => matches!(next(at), Keyword::NO | Keyword::DATA),
            Keyword::RETURNING => true,
            _ => false,
        };
        let from = self.query;
        let found = self.out.iter().enumerate().skip(from).find(|(at, node)| ends(*at, node));
        found.map_or(self.out.len(), |(at, _)| at)
    }
}

fn misplaced(span: Span) -> Fault {
    Fault::syntax(span.start, "AS OF is not allowed here")
        .hint("AS OF stands behind the FROM list or at the end of a SELECT")
}

/// Whether a node is a list of queries' parentheses; used by the items of FROM.
pub(super) fn holds_query(node: &Node) -> bool {
    node.parenthesised().is_some_and(|group| {
        starts_query(&group.nodes) || group.nodes.first().is_some_and(is_query)
    })
}
