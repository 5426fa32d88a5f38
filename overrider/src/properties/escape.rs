//! Escapes, both ways.

use super::Problem;

/// The text an escaped piece of a line stands for: ISO 8859-1 bytes, `\t \n \r \f`, `\uXXXX`, and a backslash before
/// anything else means that thing.
pub(super) fn decode(bytes: &[u8]) -> Result<String, Problem> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'\\' {
            units.push(u16::from(*byte));
            continue;
        }
        // A lone backslash at the end cannot come here: the line scanner has taken it as a continuation.
        let [escaped, tail @ ..] = rest else { break };
        rest = tail;
        units.push(match escaped {
            b't' => 0x09,
            b'n' => 0x0a,
            b'r' => 0x0d,
            b'f' => 0x0c,
            b'u' => {
                let (digits, tail) = rest.split_at_checked(4).ok_or(Problem::MalformedUnicode)?;
                rest = tail;
                hexadecimal(digits)?
            }
            other => u16::from(*other),
        });
    }
    String::from_utf16(&units).map_err(|_| Problem::LoneSurrogate)
}

/// Four digits, no sign: `from_str_radix` alone would let `+fff` pass.
fn hexadecimal(digits: &[u8]) -> Result<u16, Problem> {
    digits.iter().try_fold(0, |value: u16, &digit| {
        let digit = char::from(digit).to_digit(16).ok_or(Problem::MalformedUnicode)?;
        Ok(value << 4 | digit as u16) // a hexadecimal digit is below 16
    })
}

/// `key=value` and a line feed, such that Java reads exactly `key` and `value` back. Plain ASCII; only what must be
/// escaped is, so that addresses stay readable (`PLAINTEXT://host:9092`).
pub(super) fn line(key: &str, value: &str) -> String {
    let mut line = String::with_capacity(key.len() + value.len() + 2);
    for char in key.chars() {
        match char {
            ' ' | '=' | ':' | '#' | '!' => line.extend(['\\', char]),
            other => push(&mut line, other),
        }
    }
    line.push('=');
    for (at, char) in value.chars().enumerate() {
        match char {
            ' ' if at == 0 => line.push_str("\\ "),
            other => push(&mut line, other),
        }
    }
    line.push('\n');
    line
}

fn push(line: &mut String, char: char) {
    match char {
        '\\' => line.push_str("\\\\"),
        '\t' => line.push_str("\\t"),
        '\n' => line.push_str("\\n"),
        '\r' => line.push_str("\\r"),
        '\u{c}' => line.push_str("\\f"),
        ' '..='~' => line.push(char),
        other => {
            let mut units = [0; 2];
            for unit in other.encode_utf16(&mut units) {
                line.push_str(&format!("\\u{unit:04X}"));
            }
        }
    }
}
