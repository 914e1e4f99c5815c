//! What Python says of a text that is no JSON, and where: `Expecting value: line 1 column 1 (char 0)`.

/// What is next in an array or an object that is open.
#[derive(Clone, Copy)]
enum Next {
    /// A value, or the end where nothing was before.
    Item { first: bool },
    /// A name, or the end where nothing was before.
    Name { first: bool },
    /// `,` or the end.
    Comma { object: bool },
}

/// What is wrong with a text, in the words of Python; nothing where Python takes it for JSON. Python takes more than the
/// standard has: `NaN`, `Infinity` and halves of surrogate pairs.
#[must_use]
pub fn fault(text: &str) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    if chars.first() == Some(&'\u{feff}') {
        return Some("Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)".to_owned());
    }
    let (what, at) = Scanner { chars: &chars, at: 0 }.run().err()?;
    let before = &chars[..at.min(chars.len())];
    let line = before.iter().filter(|c| **c == '\n').count() + 1;
    let column = before.iter().rev().take_while(|c| **c != '\n').count() + 1;
    Some(format!("{what}: line {line} column {column} (char {at})"))
}

struct Scanner<'a> {
    chars: &'a [char],
    at: usize,
}

type Step = Result<(), (&'static str, usize)>;

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn takes(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn run(&mut self) -> Step {
        let mut open: Vec<Next> = Vec::new();
        self.space();
        self.value(&mut open)?;
        while let Some(next) = open.last_mut() {
            let object = match *next {
                Next::Comma { object } => object,
                Next::Name { .. } => true,
                Next::Item { .. } => false,
            };
            let closing = if object { '}' } else { ']' };
            self.space();
            match *next {
                Next::Item { first: true } | Next::Name { first: true } | Next::Comma { .. } if self.takes(closing) => {
                    open.pop();
                }
                Next::Item { .. } => {
                    *next = Next::Comma { object };
                    self.value(&mut open)?;
                }
                Next::Name { .. } => {
                    *next = Next::Comma { object };
                    if !self.takes('"') {
                        return Err(("Expecting property name enclosed in double quotes", self.at));
                    }
                    self.string()?;
                    self.space();
                    if !self.takes(':') {
                        return Err(("Expecting ':' delimiter", self.at));
                    }
                    self.space();
                    self.value(&mut open)?;
                }
                Next::Comma { .. } if self.takes(',') => {
                    *next = if object { Next::Name { first: false } } else { Next::Item { first: false } };
                }
                Next::Comma { .. } => return Err(("Expecting ',' delimiter", self.at)),
            }
        }
        self.space();
        if self.at < self.chars.len() { Err(("Extra data", self.at)) } else { Ok(()) }
    }

    /// A value that is no array and no object, or the beginning of one.
    fn value(&mut self, open: &mut Vec<Next>) -> Step {
        match self.peek() {
            Some('{') => {
                self.at += 1;
                open.push(Next::Name { first: true });
            }
            Some('[') => {
                self.at += 1;
                open.push(Next::Item { first: true });
            }
            Some('"') => {
                self.at += 1;
                self.string()?;
            }
            _ => {
                let words = ["null", "true", "false", "NaN", "Infinity", "-Infinity"];
                let rest = &self.chars[self.at..];
                let word = words.iter().find(|word| word.chars().eq(rest.iter().copied().take(word.len())));
                match word {
                    Some(word) => self.at += word.len(),
                    None => self.number()?,
                }
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        self.at > start
    }

    fn number(&mut self) -> Step {
        let start = self.at;
        self.takes('-');
        if !self.takes('0') && !self.digits() {
            return Err(("Expecting value", start));
        }
        let whole = self.at;
        if self.takes('.') && !self.digits() {
            self.at = whole;
            return Ok(());
        }
        let fraction = self.at;
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            if matches!(self.peek(), Some('+' | '-')) {
                self.at += 1;
            }
            if !self.digits() {
                self.at = fraction;
            }
        }
        Ok(())
    }

    /// The rest of a string whose quote has been read.
    fn string(&mut self) -> Step {
        let start = self.at - 1;
        loop {
            let unterminated = ("Unterminated string starting at", start);
            let c = self.peek().ok_or(unterminated)?;
            self.at += 1;
            match c {
                '"' => return Ok(()),
                '\\' => {
                    let escape = self.peek().ok_or(unterminated)?;
                    self.at += 1;
                    if escape == 'u' {
                        let hex = self.chars.iter().skip(self.at).take(4);
                        if hex.filter(|c| c.is_ascii_hexdigit()).count() < 4 {
                            return Err(("Invalid \\uXXXX escape", self.at - 1));
                        }
                        self.at += 4;
                    } else if !matches!(escape, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') {
                        return Err(("Invalid \\escape", self.at - 2));
                    }
                }
                c if c < ' ' => return Err(("Invalid control character at", self.at - 1)),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fault;

    /// As `CPython` 3.12 says it.
    #[test]
    fn pythons_words() {
        for (text, words) in [
            ("", "Expecting value: line 1 column 1 (char 0)"),
            ("  ", "Expecting value: line 1 column 3 (char 2)"),
            ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{nope", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{'a': 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{\"a\" 1}", "Expecting ':' delimiter: line 1 column 6 (char 5)"),
            ("{\"a\": }", "Expecting value: line 1 column 7 (char 6)"),
            ("{\"a\": 1 \"b\": 2}", "Expecting ',' delimiter: line 1 column 9 (char 8)"),
            ("{\"a\": 1,}", "Expecting property name enclosed in double quotes: line 1 column 9 (char 8)"),
            ("[1,]", "Expecting value: line 1 column 4 (char 3)"),
            ("[1 2]", "Expecting ',' delimiter: line 1 column 4 (char 3)"),
            ("[", "Expecting value: line 1 column 2 (char 1)"),
            ("[1", "Expecting ',' delimiter: line 1 column 3 (char 2)"),
            ("{} {}", "Extra data: line 1 column 4 (char 3)"),
            ("01", "Extra data: line 1 column 2 (char 1)"),
            ("1.", "Extra data: line 1 column 2 (char 1)"),
            ("nope", "Expecting value: line 1 column 1 (char 0)"),
            ("{\n\"ä\": x}", "Expecting value: line 2 column 6 (char 7)"),
            ("\"abc", "Unterminated string starting at: line 1 column 1 (char 0)"),
            ("\"a\tb\"", "Invalid control character at: line 1 column 3 (char 2)"),
            ("\"\\x\"", "Invalid \\escape: line 1 column 2 (char 1)"),
            ("\"\\u12\"", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
            ("\u{feff}{}", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
        ] {
            assert_eq!(fault(text).as_deref(), Some(words), "{text:?}");
        }
        for text in ["{}", " [1, 2.5e-3, {\"a\": [null, true]}] ", "NaN", "-Infinity", "\"\\ud800\"", "-0"] {
            assert_eq!(fault(text), None, "{text:?}");
        }
        assert!(fault(&"[".repeat(1_000_000)).is_some());
    }

    proptest! {
        #[test]
        fn what_serde_takes_python_takes(text in ".{0,20}") {
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                prop_assert_eq!(fault(&text), None);
            } else {
                let _ = fault(&text);
            }
        }
    }
}
