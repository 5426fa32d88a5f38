//! The bytes of a state file: our mark, the format's number, a checksum, and the records.
//!
//! ```text
//! kafka-scheduler-state 2 <SHA-256 of all that follows this line, hex>
//! <key> <length of the value in bytes>
//! <value>
//! <key> <length of a value that is kept apart> <its SHA-256, hex>
//! …
//! ```
//! Format 1 keeps no value apart. Records stand in the order of their keys. Values are JSON, so the file can be read with `less` when it matters.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

use sha2::{Digest as _, Sha256};

use super::StoreError;

const MARK: &str = "kafka-scheduler-state ";
const VERSION: u32 = 2;
/// The oldest format that is read.
const OLDEST: u32 = 1;

/// What a state file says of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The value itself.
    Here(Vec<u8>),
    /// That it is in a file of its own.
    Apart {
        /// Its length in bytes.
        length: usize,
        /// Its SHA-256 in hex, which names the file.
        sum: String,
    },
}

/// All that a state file says, by key.
pub(super) type Index = BTreeMap<String, Value>;

/// Why bytes are not a state file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FormatError {
    Foreign,
    Version(u32),
    Damaged(&'static str),
}

impl FormatError {
    pub(super) fn at(self, path: PathBuf) -> StoreError {
        match self {
            FormatError::Foreign => StoreError::Foreign { path },
            FormatError::Version(found) => StoreError::Version { path, found, known: VERSION },
            FormatError::Damaged(how) => StoreError::Damaged { path, how },
        }
    }
}

/// The file's bytes.
///
/// # Panics
/// A key holds white space: keys are made by `record` alone, out of fixed words, numbers and UUIDs.
pub(super) fn encode(index: &Index) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in index {
        assert!(!key.is_empty() && !key.contains(char::is_whitespace), "{key:?} is no key of a record");
        match value {
            Value::Here(value) => {
                body.extend_from_slice(format!("{key} {}\n", value.len()).as_bytes());
                body.extend_from_slice(value);
                body.push(b'\n');
            }
            Value::Apart { length, sum } => {
                body.extend_from_slice(format!("{key} {length} {sum}\n").as_bytes());
            }
        }
    }
    let mut bytes = format!("{MARK}{VERSION} {}\n", checksum(&body)).into_bytes();
    bytes.append(&mut body);
    bytes
}

/// The records in a file's bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Index, FormatError> {
    use FormatError::{Damaged, Foreign, Version};
    let rest = bytes.strip_prefix(MARK.as_bytes()).ok_or(if bytes.is_empty() {
        Damaged("it is empty")
    } else {
        Foreign
    })?;
    let (header, mut body) = split_line(rest).ok_or(Damaged("its first line is cut off"))?;
    let (version, sum) = header.split_once(' ').ok_or(Damaged("its first line is wrong"))?;
    match version.parse() {
        Ok(OLDEST..=VERSION) => {}
        Ok(other) => return Err(Version(other)),
        Err(_) => return Err(Damaged("its first line is wrong")),
    }
    if checksum(body) != sum {
        return Err(Damaged("its checksum does not fit"));
    }
    let mut index = Index::new();
    while !body.is_empty() {
        // The checksum fits, so this was written so: by us, or by somebody who takes pains.
        let (key, value, rest) = record(body).ok_or(Damaged("a record is malformed"))?;
        index.insert(key.to_owned(), value);
        body = rest;
    }
    Ok(index)
}

/// The first record of a body, and the rest.
fn record(body: &[u8]) -> Option<(&str, Value, &[u8])> {
    let (head, rest) = split_line(body)?;
    let (key, length) = head.split_once(' ')?;
    if let Some((length, sum)) = length.split_once(' ') {
        // It names a file: of ours it is, and of no other directory.
        let is_sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
        let apart = Value::Apart { length: length.parse().ok()?, sum: sum.to_owned() };
        return is_sum.then_some((key, apart, rest));
    }
    let (value, rest) = rest.split_at_checked(length.parse().ok()?)?;
    Some((key, Value::Here(value.to_owned()), rest.strip_prefix(b"\n")?))
}

fn split_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

/// SHA-256 in hex.
pub(super) fn checksum(body: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(body) {
        // Proof: writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn sample() -> Index {
        [("brokers/0", "{\"id\":0}"), ("empty", ""), ("framework", "line\nline\n")]
            .map(|(key, value)| (key.to_owned(), Value::Here(value.into())))
            .into()
    }

    /// Of another version, read for good.
    #[test]
    fn format_1_is_read() {
        let old = "kafka-scheduler-state 1 42e8b82ccd87b0af43a19f561e9c347e97fff9e61322e1d602db1ad14a552d7f\n\
                   brokers/0 8\n{\"id\":0}\nempty 0\n\nframework 10\nline\nline\n\n";
        assert_eq!(decode(old.as_bytes()), Ok(sample()));
    }

    /// Written once, read for good.
    #[test]
    fn looks_like_this() {
        let mut sample = sample();
        sample.insert("incidents/0/a".to_owned(), Value::Apart { length: 9000, sum: checksum(b"") });
        let bytes = encode(&sample);
        expect_test::expect![[r#"
            kafka-scheduler-state 2 ed2213f81018a1003b544a83721464ee50a343bde7f361498c1438dde5f8699f
            brokers/0 8
            {"id":0}
            empty 0

            framework 10
            line
            line

            incidents/0/a 9000 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        "#]]
        .assert_eq(std::str::from_utf8(&bytes).unwrap());
        assert_eq!(decode(&bytes), Ok(sample));
        assert_eq!(decode(&encode(&Index::new())), Ok(Index::new()));
    }

    #[test]
    fn no_cut_and_no_flipped_bit_goes_unseen() {
        let bytes = encode(&sample());
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut at {length}");
        }
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[index] ^= 1 << bit;
                assert!(decode(&changed).is_err(), "byte {index}, bit {bit}");
            }
        }
        let mut longer = bytes;
        longer.push(b'\n');
        assert_eq!(decode(&longer), Err(FormatError::Damaged("its checksum does not fit")));
    }

    #[test]
    fn others_files_are_told_from_damaged_and_newer_ones() {
        assert_eq!(decode(b"{\"some\":\"json\"}"), Err(FormatError::Foreign));
        assert_eq!(decode(b""), Err(FormatError::Damaged("it is empty")));
        assert_eq!(decode(b"kafka-scheduler-state 3 abc\n"), Err(FormatError::Version(3)));
        assert_eq!(
            decode(b"kafka-scheduler-state one abc\n"),
            Err(FormatError::Damaged("its first line is wrong"))
        );
    }
}
