//! A `.properties` file, read the way `java.util.Properties.load(InputStream)` reads it and printed byte for byte.
//!
//! Kafka loads its configuration through that method, so its rules decide, not common sense: bytes are ISO 8859-1,
//! a key ends at the first unescaped `=`, `:` or blank, a backslash at the end of a line joins it to the next, the
//! last of several equal keys wins, trailing blanks belong to the value. What is not changed keeps its bytes:
//! comments, order, line ends and odd spellings included.

mod escape;
mod line;

use std::collections::BTreeMap;

/// A parsed file. [`Properties::to_bytes`] gives back exactly the bytes it was parsed from, but for changed keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    /// The bytes of this piece, line ends included.
    raw: Vec<u8>,
    /// `None`: comments and blank lines.
    entry: Option<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    key: String,
    value: String,
}

/// Bytes that `java.util.Properties` would not read either, or not as text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ParseError {
    /// Number of the line the entry begins on, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What can be wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// `\u` not followed by four hexadecimal digits: Java refuses the whole file.
    #[error("\\u needs four hexadecimal digits")]
    MalformedUnicode,
    /// Half a surrogate pair: no text that could be printed or compared.
    #[error("a \\u escape is one half of a surrogate pair")]
    LoneSurrogate,
}

/// Every unreadable entry of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ParseErrors(pub Vec<ParseError>);

impl Properties {
    /// Reads a file; all unreadable entries are reported at once.
    ///
    /// # Errors
    /// [`ParseErrors`] with the line of each entry that Java would refuse or that is not text.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseErrors> {
        let mut items = Vec::new();
        let mut errors = Vec::new();
        for piece in line::pieces(bytes) {
            let entry = match piece.logical {
                None => None,
                Some(logical) => match entry(&logical) {
                    Ok(entry) => Some(entry),
                    Err(problem) => {
                        errors.push(ParseError { line: piece.line, problem });
                        continue;
                    }
                },
            };
            items.push(Item { raw: piece.raw.to_vec(), entry });
        }
        if errors.is_empty() { Ok(Self { items }) } else { Err(ParseErrors(errors)) }
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.items.iter().flat_map(|item| item.raw.iter().copied()).collect()
    }

    /// The value that counts: the last one given for `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries().rfind(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// All keys with the values that count, in key order.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.entries().map(|entry| (entry.key.clone(), entry.value.clone())).collect()
    }

    /// Makes `key` read as `value`: in the place of its last occurrence, else at the end. A key that already reads
    /// so keeps its bytes.
    pub fn set(&mut self, key: &str, value: &str) {
        if self.get(key) == Some(value) {
            return;
        }
        let new = Item {
            raw: escape::line(key, value).into_bytes(),
            entry: Some(Entry { key: key.to_owned(), value: value.to_owned() }),
        };
        let place =
            self.items.iter().rposition(|item| item.entry.as_ref().is_some_and(|entry| entry.key == key));
        match place {
            Some(place) => self.items[place] = new,
            None => {
                self.close_last();
                self.items.push(new);
            }
        }
    }

    /// Removes every occurrence of `key`.
    pub fn remove(&mut self, key: &str) {
        self.items.retain(|item| item.entry.as_ref().is_none_or(|entry| entry.key != key));
    }

    /// Whether no key is set.
    pub fn is_empty(&self) -> bool {
        self.entries().next().is_none()
    }

    /// What follows the last line must not be read as part of it: a missing line end is added, and an entry that
    /// ends in a continuation (Java forgives that at the end of a file) is written anew.
    fn close_last(&mut self) {
        let Some(last) = self.items.last_mut() else { return };
        match &last.entry {
            Some(entry) if !line::is_closed(&last.raw) => {
                last.raw = escape::line(&entry.key, &entry.value).into_bytes();
            }
            None if !last.raw.ends_with(b"\n") && !last.raw.ends_with(b"\r") => last.raw.push(b'\n'),
            _ => {}
        }
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.items.iter().filter_map(|item| item.entry.as_ref())
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut properties = Self::default();
        for (key, value) in pairs {
            properties.set(key.as_ref(), value.as_ref());
        }
        properties
    }
}

/// Key and value of a logical line.
fn entry(logical: &[u8]) -> Result<Entry, Problem> {
    let (key, value) = line::split(logical);
    Ok(Entry { key: escape::decode(key)?, value: escape::decode(value)? })
}

/// Entry point for a fuzzer: whatever the bytes, reading ends; what reads is written as it was, and a key that is set
/// reads as it was set, also when the result is read again.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    let Ok(mut properties) = Properties::parse(bytes) else { return };
    assert_eq!(properties.to_bytes(), bytes, "what was not touched has changed");
    let value = String::from_utf8_lossy(bytes).into_owned();
    properties.set("a key", &value);
    let again = Properties::parse(&properties.to_bytes()).map(|again| again.to_map());
    assert_eq!(again, Ok(properties.to_map()), "what was written reads otherwise");
    assert_eq!(properties.get("a key"), Some(&*value));
}

#[cfg(test)]
#[path = "properties/tests.rs"]
mod tests;
