//! The bytes of a state file: our mark, the format's number, a checksum, and the records.
//!
//! ```text
//! kafka-scheduler-state 1 <SHA-256 of all that follows this line, hex>
//! <key> <length of the value in bytes>
//! <value>
//! …
//! ```
//! Records stand in the order of their keys. Values are JSON, so the file can be read with `less` when it matters.

use std::{fmt::Write as _, path::PathBuf};

use sha2::{Digest as _, Sha256};

use super::{Records, StoreError};

const MARK: &str = "kafka-scheduler-state ";
const VERSION: u32 = 1;

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
pub(super) fn encode(records: &Records) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        assert!(!key.is_empty() && !key.contains(char::is_whitespace), "{key:?} is no key of a record");
        body.extend_from_slice(format!("{key} {}\n", value.len()).as_bytes());
        body.extend_from_slice(value);
        body.push(b'\n');
    }
    let mut bytes = format!("{MARK}{VERSION} {}\n", checksum(&body)).into_bytes();
    bytes.append(&mut body);
    bytes
}

/// The records in a file's bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Records, FormatError> {
    use FormatError::{Damaged, Foreign, Version};
    let rest = bytes.strip_prefix(MARK.as_bytes()).ok_or(if bytes.is_empty() {
        Damaged("it is empty")
    } else {
        Foreign
    })?;
    let (header, mut body) = split_line(rest).ok_or(Damaged("its first line is cut off"))?;
    let (version, sum) = header.split_once(' ').ok_or(Damaged("its first line is wrong"))?;
    match version.parse() {
        Ok(VERSION) => {}
        Ok(other) => return Err(Version(other)),
        Err(_) => return Err(Damaged("its first line is wrong")),
    }
    if checksum(body) != sum {
        return Err(Damaged("its checksum does not fit"));
    }
    let mut records = Records::new();
    while !body.is_empty() {
        // The checksum fits, so this was written so: by us, or by somebody who takes pains.
        let record = || {
            let (head, rest) = split_line(body)?;
            let (key, length) = head.split_once(' ')?;
            let (value, rest) = rest.split_at_checked(length.parse().ok()?)?;
            Some((key, value, rest.strip_prefix(b"\n")?))
        };
        let (key, value, rest) = record().ok_or(Damaged("a record is malformed"))?;
        records.insert(key.to_owned(), value.to_owned());
        body = rest;
    }
    Ok(records)
}

fn split_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

fn checksum(body: &[u8]) -> String {
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

    fn sample() -> Records {
        [("brokers/0", "{\"id\":0}"), ("empty", ""), ("framework", "line\nline\n")]
            .map(|(k, v)| (k.into(), v.into()))
            .into()
    }

    /// Written once, read for good.
    #[test]
    fn looks_like_this() {
        let bytes = encode(&sample());
        expect_test::expect![[r#"
            kafka-scheduler-state 1 42e8b82ccd87b0af43a19f561e9c347e97fff9e61322e1d602db1ad14a552d7f
            brokers/0 8
            {"id":0}
            empty 0

            framework 10
            line
            line

        "#]]
        .assert_eq(std::str::from_utf8(&bytes).unwrap());
        assert_eq!(decode(&bytes), Ok(sample()));
        assert_eq!(decode(&encode(&Records::new())), Ok(Records::new()));
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
        assert_eq!(decode(b"kafka-scheduler-state 2 abc\n"), Err(FormatError::Version(2)));
        assert_eq!(
            decode(b"kafka-scheduler-state one abc\n"),
            Err(FormatError::Damaged("its first line is wrong"))
        );
    }
}
