//! JSON Web Tokens, verified by `jsonwebtoken` with the cryptography of ring, which TLS brings along anyway.
//!
//! The algorithm is the setting's; a token whose header names another is refused before anything is computed, so
//! neither `none` nor a public key used as a secret gets anywhere.

use std::sync::Once;

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    decode,
    errors::{Error, ErrorKind, new_error},
};
use ring::{hmac, signature as ring_signature};
use serde::Deserialize;

use super::{Caller, Refusal, Role};
use crate::config::JwtAlgorithm;

/// Difference between the clocks of who makes tokens and ours, in s.
const LEEWAY: u64 = 30;
/// Shortest secret, in bytes: as long as what HS256 makes of it (RFC 7518, 3.2).
const SECRET: usize = 32;
/// An RSA key in DER of a modulus of 2048 bits has this many bytes at least (RFC 7518, 3.3).
const MODULUS: usize = 266;
/// Longest subject that we take into our log.
const SUBJECT: usize = 256;

/// What tokens are verified with.
#[derive(Debug)]
pub struct Key {
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    role: String,
}

impl Key {
    /// The key in a file's bytes. Tokens that name an audience must name `audience`.
    ///
    /// # Errors
    /// Why it is none for that algorithm; never what it is.
    pub fn read(bytes: &[u8], algorithm: JwtAlgorithm, audience: &str) -> Result<Key, String> {
        static PROVIDER: Once = Once::new();
        // Fails only if it is there already.
        PROVIDER.call_once(|| {
            let _ = RING.install_default();
        });
        let is_pem = bytes.windows(11).any(|window| window == b"-----BEGIN ");
        let (key, algorithm) = match algorithm {
            JwtAlgorithm::Hs256 if is_pem => {
                return Err("it is PEM, which is no secret for HS256; with a public key set RS256".to_owned());
            }
            JwtAlgorithm::Hs256 => {
                let secret = bytes.trim_ascii_end();
                if secret.len() < SECRET {
                    return Err(format!(
                        "the secret has {} bytes; HS256 takes {SECRET} or more, such as 'openssl rand -hex 32' makes",
                        secret.len()
                    ));
                }
                (DecodingKey::from_secret(secret), Algorithm::HS256)
            }
            JwtAlgorithm::Rs256 => (rsa(bytes)?, Algorithm::RS256),
        };
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.set_audience(&[audience]);
        Ok(Key { key, validation })
    }

    /// Whose token it is.
    pub(super) fn verify(&self, token: &str) -> Result<Caller, Refusal> {
        let claims: Claims =
            decode(token, &self.key, &self.validation).map_err(|error| refusal(&error))?.claims;
        let Claims { sub, role } = claims;
        if sub.is_empty() || sub.len() > SUBJECT || sub.chars().any(|c| c.is_control() || c.is_whitespace()) {
            let why = "the token's sub is empty, longer than 256 bytes, or has blanks or control characters";
            return Err(Refusal::Useless(why.to_owned()));
        }
        let role = Role::named(&role).ok_or_else(|| {
            Refusal::Useless("the token's role is neither read-only nor operator".to_owned())
        })?;
        Ok(Caller::Known { by: "jwt", name: sub, role })
    }
}

fn rsa(bytes: &[u8]) -> Result<DecodingKey, String> {
    let expected = "RS256 takes a public RSA key in PEM, such as 'openssl rsa -in key.pem -pubout' makes";
    let text = str::from_utf8(bytes).unwrap_or_default();
    if text.contains("PRIVATE KEY-----") {
        return Err(format!(
            "it holds a private key, which only those who make tokens should have: {expected}"
        ));
    }
    if !text.contains("-----BEGIN PUBLIC KEY-----") && !text.contains("-----BEGIN RSA PUBLIC KEY-----") {
        return Err(format!("it holds no public key in PEM: {expected}"));
    }
    let key = DecodingKey::from_rsa_pem(bytes).map_err(|_| format!("it holds no RSA key: {expected}"))?;
    if key.try_get_as_bytes().map_or(0, <[u8]>::len) < MODULUS {
        return Err("its RSA key is shorter than 2048 bits, the least that RS256 takes".to_owned());
    }
    Ok(key)
}

/// Claims are looked at only once the signature is right.
fn refusal(error: &Error) -> Refusal {
    match error.kind() {
        ErrorKind::ExpiredSignature => Refusal::Useless("the token has expired".to_owned()),
        ErrorKind::ImmatureSignature => Refusal::Useless("the token is not valid yet".to_owned()),
        ErrorKind::InvalidAudience => Refusal::Useless("the token is for another audience".to_owned()),
        ErrorKind::MissingRequiredClaim(claim) => Refusal::Useless(format!("the token has no claim {claim}")),
        ErrorKind::InvalidAlgorithm => Refusal::Guess("the token is signed with another algorithm"),
        _ => Refusal::Guess("the token is not known, or no JSON Web Token with sub and role signed for us"),
    }
}

static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _: &EncodingKey| -> Result<Box<dyn JwtSigner>, Error> {
        Err(new_error(ErrorKind::UnsupportedAlgorithm))
    },
    verifier_factory: |algorithm, key| {
        let bytes = key.try_get_as_bytes()?.to_vec();
        match algorithm {
            Algorithm::HS256 => Ok(Box::new(Hmac(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))),
            Algorithm::RS256 => Ok(Box::new(Rsa(bytes))),
            _ => Err(new_error(ErrorKind::UnsupportedAlgorithm)),
        }
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct Hmac(hmac::Key);

impl signature::Verifier<Vec<u8>> for Hmac {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        // Compares in constant time.
        hmac::verify(&self.0, message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Hmac {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

/// The public key in DER, as PKCS #1 has it.
struct Rsa(Vec<u8>);

impl signature::Verifier<Vec<u8>> for Rsa {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let key =
            ring_signature::UnparsedPublicKey::new(&ring_signature::RSA_PKCS1_2048_8192_SHA256, &self.0);
        key.verify(message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Rsa {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}
