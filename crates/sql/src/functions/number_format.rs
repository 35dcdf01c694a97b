//! `to_char` of numbers: `9`, `0`, `.`, `,`, `D`, `G`, `S`, `MI`, `PL`, `PR`, `FM`.

/// What a pattern says before any number is seen.
#[derive(Debug, Default)]
struct Pattern {
    /// Before the point: a digit place (`true`: always shown), or a group separator.
    whole: Vec<Place>,
    /// After the point: a digit place (`true`: always shown).
    fraction: Vec<bool>,
    fill: bool,
    sign: Sign,
    point: bool,
    literal_after: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Digit { always: bool },
    Group,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sign {
    /// A minus before the first digit, a blank where there is none.
    #[default]
    Leading,
    /// `S` at the front: a plus or a minus.
    Both,
    /// `S` at the end.
    BothAfter,
    /// `MI` at the end.
    MinusAfter,
    /// `PR`: angle brackets.
    Brackets,
}

/// A decimal text in this pattern; `#` for every digit where it does not fit.
pub(crate) fn number(text: &str, pattern: &str) -> String {
    let pattern = Pattern::read(pattern);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return pattern.overflow(negative);
    }
    let (whole, fraction) = rounded(digits, pattern.fraction.len());
    pattern.write(negative, &whole, &fraction)
}

impl Pattern {
    fn read(pattern: &str) -> Self {
        let mut read = Self { fill: true, ..Self::default() };
        let mut rest = pattern;
        let mut zeros = false;
        while let Some(first) = rest.chars().next() {
            let word = rest.get(..2).unwrap_or("").to_ascii_uppercase();
            let taken = match word.as_str() {
                "FM" => {
                    read.fill = false;
                    2
                }
                "MI" => {
                    read.sign = Sign::MinusAfter;
                    2
                }
                "PR" => {
                    read.sign = Sign::Brackets;
                    2
                }
                "PL" | "SG" => {
                    read.sign = Sign::Both;
                    2
                }
                _ => {
                    zeros |= first == '0';
                    read.take(first, zeros);
                    first.len_utf8()
                }
            };
            rest = rest.get(taken..).unwrap_or("");
        }
        read
    }

    fn take(&mut self, c: char, zeros: bool) {
        match c {
            '9' | '0' if self.point => self.fraction.push(c == '0'),
            '9' | '0' => self.whole.push(Place::Digit { always: zeros }),
            '.' | 'D' | 'd' => self.point = true,
            ',' | 'G' | 'g' if !self.point => self.whole.push(Place::Group),
            'S' | 's' if self.whole.is_empty() && !self.point => self.sign = Sign::Both,
            'S' | 's' => self.sign = Sign::BothAfter,
            'L' | 'l' => {}
            other => self.literal_after.push(other),
        }
    }

    fn digits(&self) -> usize {
        self.whole.iter().filter(|place| matches!(place, Place::Digit { .. })).count()
    }

    fn write(&self, negative: bool, whole: &str, fraction: &str) -> String {
        let whole = whole.trim_start_matches('0');
        if whole.len() > self.digits() {
            return self.overflow(negative);
        }
        let mut body = self.whole_part(whole);
        if self.point {
            body.push('.');
            body.push_str(self.fraction_part(fraction));
        }
        let is_zero = whole.is_empty() && fraction.bytes().all(|digit| digit == b'0');
        self.signed(negative && !is_zero, &body) + &self.literal_after
    }

    /// Digits in their places, blanks before the first one.
    fn whole_part(&self, whole: &str) -> String {
        let mut unused = self.digits() - whole.len();
        let mut digits = whole.chars();
        let mut text = String::new();
        let mut started = false;
        let shows_zero = whole.is_empty() && self.fraction.is_empty();
        let last = self.whole.iter().rposition(|place| matches!(place, Place::Digit { .. }));
        for (at, place) in self.whole.iter().enumerate() {
            match place {
                Place::Group => text.push(if started { ',' } else { ' ' }),
                Place::Digit { always } if unused > 0 => {
                    unused -= 1;
                    started |= *always || shows_zero && Some(at) == last;
                    text.push(if started { '0' } else { ' ' });
                }
                Place::Digit { .. } => {
                    started = true;
                    text.extend(digits.next());
                }
            }
        }
        text
    }

    /// With FM, zeros nobody asked for go from the end.
    fn fraction_part<'a>(&self, fraction: &'a str) -> &'a str {
        if self.fill {
            return fraction;
        }
        let kept = self.fraction.iter().rposition(|always| *always).map_or(0, |at| at + 1);
        let trimmed = fraction.trim_end_matches('0').len();
        fraction.get(..trimmed.max(kept)).unwrap_or(fraction)
    }

    fn signed(&self, negative: bool, body: &str) -> String {
        let digits = body.trim_start();
        let blanks = if self.fill { &body[..body.len() - digits.len()] } else { "" };
        let plain =
            |minus: &str, plus: &str| if negative { minus.to_owned() } else { plus.to_owned() };
        let blank = if self.fill { " " } else { "" };
        match self.sign {
            Sign::Leading => format!("{blanks}{}{digits}", plain("-", blank)),
            Sign::Both => format!("{blanks}{}{digits}", plain("-", "+")),
            Sign::BothAfter => format!("{blanks}{digits}{}", plain("-", "+")),
            Sign::MinusAfter => format!("{blanks}{digits}{}", plain("-", blank)),
            Sign::Brackets => {
                format!("{blanks}{}{digits}{}", plain("<", blank), plain(">", blank))
            }
        }
    }

    fn overflow(&self, negative: bool) -> String {
        let whole = self.whole.iter().map(|place| match place {
            Place::Digit { .. } => '#',
            Place::Group => ',',
        });
        let mut body: String = whole.collect();
        if self.point {
            body.push('.');
            body.extend(self.fraction.iter().map(|_| '#'));
        }
        self.signed(negative, &body)
    }
}

/// The digits before and after the point, rounded half away from zero to so many after it.
fn rounded(text: &str, places: usize) -> (String, String) {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut digits: Vec<u8> =
        whole.bytes().chain(fraction.bytes()).map(|b| b.wrapping_sub(b'0')).collect();
    let keep = whole.len() + places;
    let up = digits.get(keep).is_some_and(|digit| *digit >= 5);
    digits.resize(keep, 0);
    if up {
        let nines = digits.iter().rev().take_while(|digit| **digit == 9).count();
        let tail = digits.len() - nines;
        digits.iter_mut().skip(tail).for_each(|digit| *digit = 0);
        match tail.checked_sub(1).and_then(|at| digits.get_mut(at)) {
            Some(digit) => *digit += 1,
            None => digits.insert(0, 1),
        }
    }
    let text: String = digits.iter().map(|digit| char::from(b'0' + digit % 10)).collect();
    let point = text.len() - places;
    (text[..point].to_owned(), text[point..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::number;

    /// Answers of PostgreSQL's manual, table 9.33.
    #[test]
    fn the_manual_s_examples() {
        for (text, pattern, wanted) in [
            ("-0.1", "99.99", "  -.10"),
            ("-0.1", "FM9.99", "-.1"),
            ("-0.1", "FM90.99", "-0.1"),
            ("0.1", "0.9", " 0.1"),
            ("12", "9990999.9", "    0012.0"),
            ("12", "FM9990999.9", "0012."),
            ("485", "999", " 485"),
            ("-485", "999", "-485"),
            ("1485", "9,999", " 1,485"),
            ("148.5", "999.999", " 148.500"),
            ("148.5", "FM999.999", "148.5"),
            ("148.5", "FM999.990", "148.500"),
            ("3148.5", "9G999D999", " 3,148.500"),
            ("-485", "999S", "485-"),
            ("-485", "999MI", "485-"),
            ("485", "999MI", "485 "),
            ("485", "FM999MI", "485"),
            ("485", "PL999", "+485"),
            ("-485", "999PR", "<485>"),
            ("12345", "999", " ###"),
        ] {
            assert_eq!(number(text, pattern), wanted, "to_char({text}, '{pattern}')");
        }
    }
}
