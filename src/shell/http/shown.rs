//! What a client sent, as our log takes it: no longer than so much, whoever sent it.
//!
//! Whoever can connect has each request logged, refused or not, and a path or query is up to 64 KiB long. That nobody
//! can write a line of their own is the formatter's work: texts that are fields are written as Rust writes strings, with
//! line ends and other control characters escaped. So each goes into the log as a text, never as it displays itself.

use std::borrow::Cow;

/// Longest text logged, in bytes.
const LIMIT: usize = 2 << 10;

/// The text, or its beginning with how long all of it is.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if text.len() <= LIMIT {
        return text.into();
    }
    let end = text.floor_char_boundary(LIMIT);
    format!("{}… (cut: {} bytes in all)", &text[..end], text.len()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_two_characters() {
        let full = "x".repeat(LIMIT);
        assert_eq!(shown(&full), full);
        // The limit falls between the bytes of an é.
        let over = format!("y{}", "é".repeat(LIMIT));
        let expect = format!("y{}… (cut: 4097 bytes in all)", "é".repeat(LIMIT / 2 - 1));
        assert_eq!(shown(&over), expect);
        assert_eq!(shown(&format!("{full}x")), format!("{full}… (cut: 2049 bytes in all)"));
    }
}
