#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on should stop")]

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{hmac, rand::SystemRandom, signature::RSA_PKCS1_SHA256, signature::RsaKeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use proptest::prelude::*;

use super::*;
use crate::config::JwtAlgorithm::{Hs256, Rs256};

pub(in crate::shell::http) const PUBLIC: &str = include_str!("tests/signer.pub.pem");
const SHORT: &str = include_str!("tests/short.pub.pem");
const PRIVATE: &str = include_str!("tests/signer.pem");
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// How a test signs.
pub(in crate::shell::http) enum Sign<'a> {
    Nothing,
    Hmac(&'a [u8]),
    Rsa,
}

/// Seconds from now as a claim has them.
pub(in crate::shell::http) fn at(seconds: i64) -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap() + seconds
}

pub(in crate::shell::http) fn jwt(algorithm: &str, sign: &Sign, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({"alg": algorithm, "typ": "JWT"})), part(claims));
    let signature = match sign {
        Sign::Nothing => Vec::new(),
        Sign::Hmac(key) => {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
        }
        Sign::Rsa => {
            let lines: String = PRIVATE.lines().filter(|line| !line.starts_with('-')).collect();
            let der = base64::engine::general_purpose::STANDARD.decode(lines).unwrap();
            let key = RsaKeyPair::from_pkcs8(&der).unwrap();
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
            signature
        }
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A line of a tokens file.
pub(in crate::shell::http) fn line(name: &str, role: &str, token: &str) -> String {
    let hex: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name} {role} sha256:{hex}\n")
}

// S-093
#[test]
fn headers_are_read() {
    for (header, expect) in [
        ("token=abc", Ok("abc")),
        ("Token=abc", Ok("abc")),
        ("Bearer abc", Ok("abc")),
        ("bearer   abc ", Ok("abc")),
        ("", Err("the header Authorization holds no token")),
        ("Basic dXNlcjpwYXNz", Err("the header Authorization holds no token")),
        ("abc", Err("the header Authorization holds no token")),
        ("Bearer", Err("the header Authorization holds no token")),
        ("token=", Err("the token is empty")),
        ("Bearer a b", Err("the token holds a blank")),
        ("töken=a", Err("the header Authorization holds no token")),
    ] {
        assert_eq!(token(header), expect, "{header}");
    }
    assert!(token(&format!("Bearer {}", "a".repeat(TOKEN_LIMIT))).is_ok());
    assert!(token(&format!("Bearer {}", "a".repeat(TOKEN_LIMIT + 1))).is_err());
    let mut headers = HeaderMap::new();
    assert_eq!(presented(&headers), Ok(None));
    headers.append(AUTHORIZATION, "token=a".parse().unwrap());
    assert_eq!(presented(&headers), Ok(Some("a")));
    headers.append(AUTHORIZATION, "token=b".parse().unwrap());
    assert!(presented(&headers).unwrap_err().contains("two headers"));
}

// D39
#[test]
fn tokens_are_found() {
    let text = format!(
        "# who\n\n{}  {}",
        line("ops@example", "operator", "first"),
        line("monitor", "read-only", "second")
    );
    let tokens = tokens::Tokens::parse(&text).unwrap();
    let who = |token| tokens.find(token).map(|caller| format!("{caller} {}", caller.role()));
    assert_eq!(who("first").unwrap(), "token:ops@example operator");
    assert_eq!(who("second").unwrap(), "token:monitor read-only");
    assert_eq!((who("third"), who("")), (None, None));
    let rotated = format!("{}{}", line("a", "operator", "old"), line("a", "operator", "new"));
    assert!(tokens::Tokens::parse(&rotated).unwrap().find("old").is_some(), "two tokens of one name");
}

// All mistakes at once, and no word of theirs: somebody may have put the token itself there.
#[test]
fn wrong_token_files_are_told() {
    let good = line("a", "operator", "x");
    let text = format!(
        "{good}b root sha256:{0}\nsecret-token\nc operator sha256:12\nd! operator sha256:{0}\n{good}{1}e operator md5:{0}\n",
        "0".repeat(64),
        line("f", "operator", ""),
    );
    let told = tokens::Tokens::parse(&text).unwrap_err();
    for (number, words) in [
        (2, "neither read-only nor operator"),
        (3, "is not '<name> <role> sha256:"),
        (4, "is not '<name> <role> sha256:"),
        (5, "has a name"),
        (6, "the hash of a line above"),
        (7, "the hash of an empty token"),
        (8, "is not '<name>"),
    ] {
        assert!(
            told.split("; ").any(|t| t.starts_with(&format!("line {number} ")) && t.contains(words)),
            "{told}"
        );
    }
    assert!(!told.contains("secret-token"), "{told}");
    assert!(tokens::Tokens::parse("# nobody\n").unwrap_err().contains("no token"));
}

fn claims() -> Value {
    json!({"sub": "alice", "role": "operator", "exp": at(600)})
}

/// `claims()` with some changed; null removes.
fn with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

// D39
#[test]
fn claims_are_checked() {
    let key = jwt::Key::read(SECRET, Hs256, "kafka").unwrap();
    let verify = |changes: Value| key.verify(&jwt("HS256", &Sign::Hmac(SECRET), &with(&changes)));
    let alice = |role| Ok(Caller::Known { by: "jwt", name: "alice".to_owned(), role });
    assert_eq!(verify(json!({})), alice(Role::Operator));
    assert_eq!(verify(json!({"role": "read-only", "aud": "kafka", "nbf": at(-5)})), alice(Role::ReadOnly));
    assert_eq!(verify(json!({"exp": at(-10), "nbf": at(10)})), alice(Role::Operator), "clocks differ");
    // They are signed as they should be, so none of them is a guess.
    for (changes, words) in [
        (json!({"exp": at(-60)}), "expired"),
        (json!({"exp": null}), "no claim exp"),
        (json!({"nbf": at(60)}), "not valid yet"),
        (json!({"aud": "other"}), "another audience"),
        (json!({"role": "root"}), "neither read-only nor operator"),
        (json!({"sub": "a\nb"}), "control characters"),
        (json!({"sub": "x".repeat(257)}), "longer than 256"),
    ] {
        let Err(Refusal::Useless(why)) = verify(changes.clone()) else { panic!("{changes}") };
        assert!(why.contains(words), "{changes}: {why}");
    }
    for changes in [json!({"sub": null}), json!({"role": null})] {
        assert!(verify(changes).is_err());
    }
    for broken in ["", "a.b.c", "..", &"x".repeat(8000)] {
        assert!(matches!(key.verify(broken), Err(Refusal::Guess(_))), "{broken}");
    }
}

// D39: the algorithm is fixed by us, never by a token's header.
#[test]
fn the_algorithm_is_ours() {
    let hmac = jwt::Key::read(SECRET, Hs256, "kafka").unwrap();
    let rsa = jwt::Key::read(PUBLIC.as_bytes(), Rs256, "kafka").unwrap();
    assert!(rsa.verify(&jwt("RS256", &Sign::Rsa, &claims())).is_ok());
    let public = PUBLIC.as_bytes();
    for (algorithm, sign) in [
        ("none", Sign::Nothing),
        ("None", Sign::Nothing),
        ("HS256", Sign::Nothing),
        ("RS256", Sign::Nothing),
        ("HS256", Sign::Hmac(public)),
        ("HS256", Sign::Hmac(public.trim_ascii_end())),
        ("RS256", Sign::Hmac(public)),
        ("HS512", Sign::Hmac(SECRET)),
        ("ES256", Sign::Rsa),
    ] {
        let token = jwt(algorithm, &sign, &claims());
        for key in [&hmac, &rsa] {
            assert!(matches!(key.verify(&token), Err(Refusal::Guess(_))), "{algorithm}");
        }
    }
    assert!(hmac.verify(&jwt("RS256", &Sign::Rsa, &claims())).is_err());
    assert!(rsa.verify(&jwt("HS256", &Sign::Hmac(SECRET), &claims())).is_err());
}

#[test]
fn wrong_keys_are_told() {
    for (bytes, algorithm, words) in [
        (PUBLIC.as_bytes(), Hs256, "no secret for HS256"),
        (PRIVATE.as_bytes(), Hs256, "no secret for HS256"),
        (b"short\n".as_slice(), Hs256, "5 bytes"),
        (PRIVATE.as_bytes(), Rs256, "private key"),
        (SHORT.as_bytes(), Rs256, "shorter than 2048 bits"),
        (SECRET, Rs256, "no public key in PEM"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", Rs256, "no RSA key"),
    ] {
        let told = jwt::Key::read(bytes, algorithm, "kafka").unwrap_err();
        assert!(told.contains(words), "{told}");
    }
    let shown = format!("{:?}", jwt::Key::read(SECRET, Hs256, "kafka").unwrap());
    assert!(!shown.contains("0123"), "{shown}");
}

proptest! {
    #[test]
    fn any_header(
        scheme in prop::sample::select(vec!["", "token=", "Bearer ", " bEARER \t", "tokéen="]),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        text in "[!-~]{0,40}",
    ) {
        fuzz(&bytes);
        fuzz(&[scheme.as_bytes(), &bytes].concat());
        fuzz(format!("{scheme}{text}").as_bytes());
    }

    #[test]
    fn any_tokens_file(
        lines in prop::collection::vec(
            ("[a-z@ ]{0,66}", "(read-only|operator|admin)", "(sha256:)?[0-9a-fA-F]{63,65}"),
            0..15,
        ),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        ends in prop::sample::select(vec!["\n", "\r\n", "\n#\n"]),
    ) {
        let lines: Vec<String> =
            lines.into_iter().map(|(name, role, hash)| format!("{name} {role} {hash}{ends}")).collect();
        tokens::fuzz(lines.concat().as_bytes());
        tokens::fuzz(&[lines.concat().as_bytes(), &bytes].concat());
    }
}
