//! Certificates for a test, made anew each time. Other crates' tests use this file too.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// An authority, and one certificate of it with its key, all in PEM.
#[derive(Debug)]
pub(crate) struct Certificates {
    pub(crate) authority: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Certificates {
    /// Of a new authority, for these names and addresses.
    pub(crate) fn of(names: &[&str]) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let root = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        Self { authority: root.pem(), certificate: leaf.pem(), key: key.serialize_pem() }
    }

    /// Key and certificate in one, as Kafka has them.
    #[allow(dead_code, reason = "not every test is of a broker")]
    pub(crate) fn keystore(&self) -> String {
        format!("{}{}", self.key, self.certificate)
    }
}
