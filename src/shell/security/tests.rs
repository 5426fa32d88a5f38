#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use kafka::client::security::Mechanism;
use rcgen::KeyPair;

use super::*;

/// A file of this mode.
fn file(dir: &Path, name: &str, text: &str, mode: u32) -> std::path::PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn sasl(password: std::path::PathBuf) -> KafkaClient {
    let sasl = KafkaSasl { mechanism: Mechanism::ScramSha512, user: "kafka-mesos".to_owned(), password };
    KafkaClient { tls: None, sasl: Some(sasl) }
}

#[test]
fn a_password_is_the_one_line_of_its_file() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["open sesame", "open sesame\n", "open sesame\r\n"] {
        let read = open(&sasl(file(dir.path(), "password", text, 0o600))).unwrap();
        assert_eq!(read.sasl.as_ref().unwrap().password, "open sesame");
        assert!(!format!("{read:?}").contains("sesame"));
    }
    for (text, mode, why) in [
        ("sesame\n", 0o644, "mode 644"),
        ("", 0o600, "holds no password"),
        ("\n", 0o600, "holds no password"),
        ("sesame\nagain\n", 0o600, "several lines"),
    ] {
        let error = open(&sasl(file(dir.path(), "password", text, mode))).unwrap_err().to_string();
        assert!(error.contains(PASSWORD) && error.contains(why) && !error.contains("sesame"), "{error}");
    }
}

// S-047: whatever is wrong with any of the files is said at once.
#[test]
fn every_mistake_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let own = TlsFiles { certificate: missing.clone(), key: missing.clone() };
    let tls = KafkaTls { authorities: Some(missing.clone()), own: Some(own) };
    let errors = open(&KafkaClient { tls: Some(tls), ..sasl(missing) }).unwrap_err();
    let fields: Vec<&str> = errors.0.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, [CA, CERTIFICATE, KEY, PASSWORD]);
}

#[test]
fn certificates_that_cannot_be_used_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let pem =
            rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap().pem();
        (pem, key.serialize_pem())
    };
    let (pem, key) = certificate("one");
    let own = |key: &str| TlsFiles {
        certificate: file(dir.path(), "cert.pem", &pem, 0o644),
        key: file(dir.path(), "key.pem", key, 0o600),
    };
    let opened = |authorities: &str, own| {
        let authorities = Some(file(dir.path(), "ca.pem", authorities, 0o644));
        open(&KafkaClient { tls: Some(KafkaTls { authorities, own }), sasl: None })
    };
    assert!(opened(&pem, Some(own(&key))).unwrap().tls.is_some());
    let error = opened("nothing", None).unwrap_err().to_string();
    assert!(error.contains(CA) && error.contains("no certificate of an authority"), "{error}");
    let error = opened(&pem, Some(own(&certificate("other").1))).unwrap_err().to_string();
    assert!(error.contains(CERTIFICATE) && error.contains("cannot be used"), "{error}");
}
