//! Static tokens: a file of `<name> <role> sha256:<64 hex digits>` lines, so that whoever reads it can use none of them.
//!
//! A plain SHA-256 is enough for tokens of 32 random bytes, which nobody guesses, and it is what every shell can make.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::{Caller, Role};

/// Tokens in one file.
const TOKENS: usize = 1000;
/// Longest name.
const NAME: usize = 64;

/// What a token's hash begins with; another one may come.
const SCHEME: &str = "sha256:";

/// Everybody who has a static token.
#[derive(Debug, PartialEq, Eq)]
pub struct Tokens(Vec<Token>);

#[derive(Debug, PartialEq, Eq)]
struct Token {
    name: String,
    role: Role,
    hash: [u8; 32],
}

impl Tokens {
    /// Reads the text of a file. Blank lines and lines that begin with `#` are passed over. A name may stand twice, as
    /// it does while a token is replaced by the next.
    ///
    /// # Errors
    /// All mistakes with their lines, joined by `; `. None shows a word of the line: it might be a token.
    pub fn parse(text: &str) -> Result<Tokens, String> {
        let (mut tokens, mut mistakes) = (Vec::new(), Vec::new());
        let mut hashes = HashSet::new();
        let lines = (1..).zip(text.lines().map(str::trim));
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            match Token::parse(line) {
                Ok(token) if !hashes.insert(token.hash) => {
                    mistakes.push(format!("line {number} has the hash of a line above"));
                }
                Ok(token) => tokens.push(token),
                Err(why) => mistakes.push(format!("line {number} {why}")),
            }
            if mistakes.len() > 10 {
                mistakes.push("and so on".to_owned());
                break;
            }
        }
        match tokens.len() {
            _ if !mistakes.is_empty() => Err(mistakes.join("; ")),
            0 => Err("it holds no token, so nobody could come in".to_owned()),
            count if count > TOKENS => Err(format!("it holds {count} tokens; at most {TOKENS} are taken")),
            _ => Ok(Tokens(tokens)),
        }
    }

    /// Whose token it is. Takes as long for any token: every hash is compared whole.
    pub(super) fn find(&self, token: &str) -> Option<Caller> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut found = u32::MAX;
        for (index, token) in (0..u32::MAX).zip(&self.0) {
            found.conditional_assign(&index, token.hash.ct_eq(&hash));
        }
        let token = self.0.get(usize::try_from(found).ok()?)?;
        Some(Caller::Known { by: "token", name: token.name.clone(), role: token.role })
    }

    /// How many.
    pub(in super::super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Token {
    fn parse(line: &str) -> Result<Token, &'static str> {
        const FORM: &str = "is not '<name> <role> sha256:<64 hex digits>'";
        let mut words = line.split_ascii_whitespace();
        let (Some(name), Some(role), Some(hash), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(FORM);
        };
        if name.len() > NAME || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._@".contains(&b)) {
            return Err("has a name that is not up to 64 letters, digits and - . _ @");
        }
        let role = Role::named(role).ok_or("has a role that is neither read-only nor operator")?;
        let hash = hash.strip_prefix(SCHEME).and_then(bytes).ok_or(FORM)?;
        // Of nothing, and of a line end: what is hashed where a variable of the shell was empty.
        if [&b""[..], b"\n"].iter().any(|nothing| <[u8; 32]>::from(Sha256::digest(nothing)) == hash) {
            return Err("has the hash of an empty token");
        }
        Ok(Token { name: name.to_owned(), role, hash })
    }
}

/// 64 hex digits.
fn bytes(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Entry point for a fuzzer: whatever stands in a tokens file, reading ends, lets nobody in without a token, and shows none.
///
/// # Panics
/// When that does not hold.
pub fn fuzz(bytes: &[u8]) {
    /// No word of a message is as long; a token is longer.
    const WORD: usize = 24;
    let text = String::from_utf8_lossy(bytes);
    match Tokens::parse(&text) {
        Ok(tokens) => {
            assert!((1..=TOKENS).contains(&tokens.len()));
            assert!(tokens.find("").is_none() && tokens.find("\n").is_none());
            let line = |Token { name, role, hash }: &Token| {
                let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{name} {} {SCHEME}{hex}\n", role.as_str())
            };
            let written: String = tokens.0.iter().map(line).collect();
            assert_eq!(Tokens::parse(&written), Ok(tokens));
        }
        Err(mistakes) => {
            let shown = text.split_whitespace().find(|word| word.len() >= WORD && mistakes.contains(word));
            assert_eq!(shown, None, "{mistakes}");
        }
    }
}
