//! Natural lines → logical lines → key and value: the two scanners of `java.util.Properties`, over bytes.

/// Some bytes of the file: one logical line, or a run of one comment or blank line.
pub(super) struct Piece<'a> {
    pub(super) raw: &'a [u8],
    /// Number of the natural line it begins on, from 1.
    pub(super) line: usize,
    /// Continuations joined, leading blanks and line ends gone, escapes still in place. `None`: nothing to read.
    pub(super) logical: Option<Vec<u8>>,
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Cuts a file into pieces; their `raw` parts, one after another, are the file.
pub(super) fn pieces(bytes: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut start, mut line) = (0, 1);
    while start < bytes.len() {
        let (end, logical) = piece(&bytes[start..]);
        let raw = &bytes[start..start + end];
        pieces.push(Piece { raw, line, logical });
        line += line_ends(raw);
        start += end;
    }
    pieces
}

/// Length of the first piece and its logical line.
fn piece(bytes: &[u8]) -> (usize, Option<Vec<u8>>) {
    let (content, mut next) = natural(bytes);
    let text = skip_blanks(content);
    if text.is_empty() || matches!(text[0], b'#' | b'!') {
        return (next, None);
    }
    let mut logical = text.to_vec();
    while ends_open(&logical) {
        logical.pop();
        if next >= bytes.len() {
            break;
        }
        let (content, used) = natural(&bytes[next..]);
        let text = skip_blanks(content);
        next += used;
        // A line of nothing but a backslash leaves Java at the beginning of a line: comments count again, and an
        // empty line does not end the entry.
        if logical.is_empty() && (text.is_empty() || matches!(text[0], b'#' | b'!')) {
            if next >= bytes.len() {
                return (next, None);
            }
            logical.push(b'\\');
            continue;
        }
        logical.extend_from_slice(text);
    }
    (next, Some(logical))
}

/// The first natural line without its end, and the length with it.
fn natural(bytes: &[u8]) -> (&[u8], usize) {
    match bytes.iter().position(|&byte| is_end(byte)) {
        None => (bytes, bytes.len()),
        Some(at) if bytes[at..].starts_with(b"\r\n") => (&bytes[..at], at + 2),
        Some(at) => (&bytes[..at], at + 1),
    }
}

fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&byte| !is_blank(byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

/// Whether the last backslash is not itself escaped.
fn ends_open(bytes: &[u8]) -> bool {
    bytes.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// Whether an entry's bytes end in a line end that Java takes as one.
pub(super) fn is_closed(raw: &[u8]) -> bool {
    let content =
        raw.strip_suffix(b"\r\n").or_else(|| raw.strip_suffix(b"\n")).or_else(|| raw.strip_suffix(b"\r"));
    content.is_some_and(|content| !ends_open(content))
}

fn line_ends(raw: &[u8]) -> usize {
    let feeds = raw.iter().filter(|&&byte| byte == b'\n').count();
    let lone_returns = raw.windows(2).filter(|pair| pair[0] == b'\r' && pair[1] != b'\n').count();
    feeds + lone_returns + usize::from(raw.ends_with(b"\r"))
}

/// Key and value of a logical line, escapes still in place.
pub(super) fn split(logical: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    let mut key_end = logical.len();
    for (at, &byte) in logical.iter().enumerate() {
        if !escaped && (is_blank(byte) || matches!(byte, b'=' | b':')) {
            key_end = at;
            break;
        }
        escaped = byte == b'\\' && !escaped;
    }
    let (key, rest) = logical.split_at(key_end);
    let rest = skip_blanks(rest);
    let value = match rest.first() {
        Some(b'=' | b':') => skip_blanks(&rest[1..]),
        _ => rest,
    };
    (key, value)
}
