//! What a statement may cost before it is read.
//!
//! Everything that walks a syntax tree recurses: the parser, `Drop`, visitors, DataFusion's
//! planner. One statement must therefore never make a deep tree, and whether it would is decided
//! on its tokens, before a tree exists. Parentheses are not enough to look at: `1+1+1+...` is a
//! tree as deep as it is long, because sqlparser chains operators to the left.
//!
//! The estimate is an upper bound, never lower than the tree. In one run of tokens between commas
//! and clause words,
//!
//! ```text
//! height = ORs + max over their operands (ANDs + max over theirs (other operators + inner))
//! ```
//!
//! where `inner` is the highest group in parentheses, brackets or CASE ... END. So `a = 1 OR b = 2
//! OR ...` costs one level a term and not two. UNIONs and JOINs are chains as well.
//!
//! Rejected: sqlparser's own `with_recursion_limit` alone. It counts calls, so that chains pass
//! it, and the tree it lets through still overflows the stack when it is dropped.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use crate::error::Fault;

/// The bounds on one call's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text.
    pub bytes_max: usize,
    /// Tokens of text, white space and comments among them.
    pub tokens_max: usize,
    /// Parentheses, brackets and CASEs open at once.
    pub nesting_max: usize,
    /// Levels of the deepest expression: operators in a chain, plus the nesting around them. A
    /// query in parentheses counts twenty, a UNION two.
    pub depth_max: usize,
}

impl Limits {
    /// 32 MiB, two million tokens, 200 parentheses, and trees 1,000 operators deep.
    ///
    /// The deepest tree that passes is parsed, copied, visited and dropped on a stack of 4 MiB
    /// (`tests/dialect/limits.rs`), which leaves DataFusion three quarters of a 16 MiB one.
    pub const DEFAULT: Self =
        Self { bytes_max: 32 << 20, tokens_max: 2_000_000, nesting_max: 200, depth_max: 1_000 };

    pub(crate) fn check_bytes(&self, text: &str) -> Result<(), Fault> {
        if text.len() > self.bytes_max {
            let (bytes, max) = (text.len(), self.bytes_max);
            return Err(Fault::too_long(format!(
                "the text has {bytes} bytes, at most {max} are read"
            ))
            .hint("use COPY or parameters for large data"));
        }
        Ok(())
    }

    pub(crate) fn check_count(&self, tokens: usize) -> Result<(), Fault> {
        if tokens > self.tokens_max {
            let max = self.tokens_max;
            return Err(Fault::too_long(format!("the text has more than {max} tokens"))
                .hint("write vectors as one literal, '[1,2,3]', or use COPY or parameters"));
        }
        Ok(())
    }

    /// Refuses a statement whose tree would be too deep.
    pub(crate) fn check_depth(&self, tokens: &[TokenWithSpan]) -> Result<(), Fault> {
        let mut meter = Meter::new(*self);
        for token in tokens {
            meter.read(token)?;
        }
        meter.finish()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// One group of tokens: the chains of the run being read, and the highest run before it.
#[derive(Default)]
struct Frame {
    is_case: bool,
    ors: usize,
    ands: usize,
    ands_max: usize,
    /// Operators of the operand being read, the highest group in it, and the highest operand.
    others: usize,
    inner_max: usize,
    others_max: usize,
    highest: usize,
    set_operations: usize,
    joins: usize,
    is_query: bool,
}

impl Frame {
    fn end_operand(&mut self) {
        self.others_max = self.others_max.max(self.others + self.inner_max);
        (self.others, self.inner_max) = (0, 0);
    }

    fn end_conjunction(&mut self) {
        self.end_operand();
        self.ands_max = self.ands_max.max(self.ands + self.others_max);
        (self.ands, self.others_max) = (0, 0);
    }

    fn end_run(&mut self) {
        self.end_conjunction();
        self.highest = self.highest.max(self.ors + self.ands_max);
        (self.ors, self.ands_max) = (0, 0);
    }

    fn height(mut self) -> usize {
        self.end_run();
        let query = if self.is_query { QUERY_LEVELS } else { 0 };
        self.highest + SET_OPERATION_LEVELS * self.set_operations + self.joins + query
    }
}

/// Reads a statement's tokens once and keeps the height of what it read.
struct Meter {
    limits: Limits,
    enclosing: Vec<Frame>,
    frame: Frame,
    /// The token before asks for an operand, so that a clause word here is a name: `set + set`.
    wants_operand: bool,
    previous: Keyword,
    at: Location,
}

impl Meter {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            enclosing: Vec::new(),
            frame: Frame::default(),
            wants_operand: false,
            previous: Keyword::NoKeyword,
            at: Location::empty(),
        }
    }

    fn finish(mut self) -> Result<(), Fault> {
        while !self.enclosing.is_empty() {
            self.close()?;
        }
        let frame = std::mem::take(&mut self.frame);
        self.check(frame.height())
    }

    fn check(&self, height: usize) -> Result<(), Fault> {
        let max = self.limits.depth_max;
        if height > max {
            return Err(Fault::too_complex(self.at, "the statement is nested too deeply").hint(
                format!("an expression may be {max} operators deep; write long lists as IN (...)"),
            ));
        }
        Ok(())
    }

    fn read(&mut self, token: &TokenWithSpan) -> Result<(), Fault> {
        self.at = token.span.start;
        let wanted = std::mem::replace(&mut self.wants_operand, false);
        let previous = std::mem::replace(&mut self.previous, Keyword::NoKeyword);
        match &token.token {
            Token::LParen | Token::LBrace => self.open(false)?,
            Token::LBracket => {
                self.frame.others += 1;
                self.open(false)?;
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                while self.frame.is_case {
                    self.close()?;
                }
                self.close()?;
            }
            Token::Comma | Token::SemiColon => self.frame.end_run(),
            Token::Period => self.wants_operand = true,
            Token::Word(word) => {
                self.previous = word.keyword;
                self.word(word.keyword, previous, wanted)?;
            }
            // ARRAY<ARRAY<...: types read by a recursion that no counter of sqlparser's bounds.
            Token::Lt if matches!(previous, Keyword::ARRAY | Keyword::STRUCT | Keyword::MAP) => {
                self.frame.others += self.limits.depth_max.div_ceil(TYPES_MAX);
            }
            token if is_operand(token) => {}
            _ => self.operator(),
        }
        Ok(())
    }

    fn operator(&mut self) {
        self.frame.others += 1;
        self.wants_operand = true;
    }

    fn open(&mut self, is_case: bool) -> Result<(), Fault> {
        let frame = Frame { is_case, ..Frame::default() };
        self.enclosing.push(std::mem::replace(&mut self.frame, frame));
        let max = self.limits.nesting_max;
        if self.enclosing.len() > max {
            return Err(Fault::too_complex(self.at, "the statement is nested too deeply")
                .hint(format!("at most {max} parentheses may be open at once")));
        }
        Ok(())
    }

    /// A closed group weighs one level more than its content. One that was never opened is the
    /// parser's to report.
    fn close(&mut self) -> Result<(), Fault> {
        let Some(outer) = self.enclosing.pop() else {
            self.frame.is_case = false;
            return Ok(());
        };
        let inner = std::mem::replace(&mut self.frame, outer).height() + 1;
        self.frame.inner_max = self.frame.inner_max.max(inner);
        self.check(self.frame.ors + self.frame.ands + self.frame.others + inner)
    }

    fn word(&mut self, word: Keyword, previous: Keyword, wanted: bool) -> Result<(), Fault> {
        match word {
            Keyword::CASE => return self.open(true),
            Keyword::END if self.frame.is_case => return self.close(),
            Keyword::OR | Keyword::XOR => {
                self.frame.end_conjunction();
                self.frame.ors += 1;
                self.wants_operand = true;
            }
            Keyword::AND => {
                self.frame.end_operand();
                self.frame.ands += 1;
                self.wants_operand = true;
            }
            Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT => {
                self.frame.end_run();
                self.frame.set_operations += 1;
            }
            Keyword::JOIN | Keyword::APPLY => return self.join(),
            Keyword::FROM if previous == Keyword::DISTINCT => {}
            Keyword::SELECT if !wanted => {
                self.frame.end_run();
                self.frame.is_query = true;
            }
            // A value that is an interval: the one recursion of the parser without a guard.
            Keyword::INTERVAL if previous == Keyword::INTERVAL => {
                self.frame.others += self.limits.depth_max.div_ceil(TYPES_MAX);
            }
            _ if ends_run(word) && !wanted => self.frame.end_run(),
            _ if is_word_operator(word) => self.operator(),
            _ => {}
        }
        Ok(())
    }

    /// `a JOIN b JOIN c ... ON ... ON ...` nests to the right without a parenthesis.
    fn join(&mut self) -> Result<(), Fault> {
        self.frame.end_run();
        self.frame.joins += 1;
        let max = self.limits.nesting_max;
        if self.frame.joins > max {
            return Err(Fault::too_complex(self.at, "the statement has too many joins")
                .hint(format!("one FROM list may join {max} tables")));
        }
        Ok(())
    }
}

/// How many types may stand in one another.
const TYPES_MAX: usize = 16;

/// A query in a query is as much work for the stack as this many operators.
const QUERY_LEVELS: usize = 19;
const SET_OPERATION_LEVELS: usize = 2;

/// Words behind which a new expression begins that shares no chain with the one before.
fn ends_run(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::FROM
            | Keyword::WHERE
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::ORDER
            | Keyword::LIMIT
            | Keyword::OFFSET
            | Keyword::VALUES
            | Keyword::RETURNING
            | Keyword::SET
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE
    )
}

/// Words that make a level of the tree.
fn is_word_operator(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::NOT
            | Keyword::IS
            | Keyword::IN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::SIMILAR
            | Keyword::RLIKE
            | Keyword::REGEXP
            | Keyword::BETWEEN
            | Keyword::COLLATE
            | Keyword::AT
            | Keyword::NOTNULL
            | Keyword::OVERLAPS
            | Keyword::OPERATOR
            | Keyword::INTERVAL
            | Keyword::ARRAY
            | Keyword::PRIOR
            | Keyword::CONNECT_BY_ROOT
            | Keyword::DIV
            | Keyword::MEMBER
            | Keyword::MATCH
            | Keyword::PIVOT
            | Keyword::UNPIVOT
    )
}

/// Tokens that stand for a value or a part of a name.
fn is_operand(token: &Token) -> bool {
    matches!(
        token,
        Token::Number(..)
            | Token::Period
            | Token::Placeholder(_)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
    )
}
