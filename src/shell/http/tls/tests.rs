#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on should stop")]

use std::{fs, net::IpAddr, os::unix::fs::PermissionsExt, path::Path};

use axum::{Extension, Router, routing::get};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio_rustls::{TlsConnector, client};
use tokio_util::sync::CancellationToken;

use super::{super::reload::Look, *};
use crate::shell::http::{guard::Peer, server};

/// A certificate of its own, and its key, for this machine.
struct Pair {
    certificate: String,
    key: String,
}

fn pair() -> Pair {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    Pair { certificate: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(new, path).unwrap();
}

fn write(files: &TlsFiles, certificate: &str, key: &str) {
    put(&files.certificate, certificate);
    put(&files.key, key);
}

fn files(directory: &Path) -> TlsFiles {
    TlsFiles { certificate: directory.join("cert.pem"), key: directory.join("key.pem") }
}

/// A connection of a client that trusts that certificate alone.
async fn connect(address: std::net::SocketAddr, trusted: &Pair) -> io::Result<client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn ask(mut stream: impl AsyncWriteExt + AsyncReadExt + Unpin) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // Nothing is kept from an answer that has its length.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

// D39: real sockets. A new connection sees the certificate that holds now, one under way keeps its own, and a pair that
// does not fit changes nothing. Whoever asks is known by address.
#[tokio::test]
async fn a_certificate_is_replaced_while_connections_go_on() {
    let temp = tempfile::tempdir().unwrap();
    let (files, old, new) = (files(temp.path()), pair(), pair());
    write(&files, &old.certificate, &old.key);
    let watched = Arc::new(open(files.clone()).unwrap());
    let router = Router::new().route("/", get(async |peer: Extension<Peer>| peer.0.0.to_string()));
    let listener = server::bind(IpAddr::from([127, 0, 0, 1]), 0).await.unwrap().over(watched.clone());
    let (address, stop) = (listener.address(), CancellationToken::new());
    let serving = tokio::spawn(listener.serve(router, stop.clone()));

    let before = connect(address, &old).await.unwrap();
    assert!(connect(address, &new).await.is_err());
    // The certificate alone is replaced, and half of it only: the old pair holds.
    for certificate in [&new.certificate, &new.certificate[..200]] {
        put(&files.certificate, certificate);
        (0..2).for_each(|_| watched.look());
        assert!(watched.trouble().is_some());
        connect(address, &old).await.unwrap();
    }
    write(&files, &new.certificate, &new.key);
    (0..2).for_each(|_| watched.look());
    assert_eq!(watched.trouble(), None);
    assert!(ask(connect(address, &new).await.unwrap()).await.ends_with("127.0.0.1"));
    assert!(connect(address, &old).await.is_err());
    assert!(ask(before).await.starts_with("HTTP/1.1 200"));

    // D16: plain HTTP is told what to do instead.
    let answer = ask(TcpStream::connect(address).await.unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("HttpsRequired"), "{answer}");
    assert!(answer.contains("begin the URL with https://"), "{answer}");
    stop.cancel();
    timeout(Duration::from_secs(10), serving).await.unwrap().unwrap();
}

// Who connects and says nothing is let go. Time is virtual: it moves on when all wait.
#[tokio::test(start_paused = true)]
async fn a_handshake_takes_no_longer_than_it_may() {
    let temp = tempfile::tempdir().unwrap();
    let (files, pair) = (files(temp.path()), pair());
    write(&files, &pair.certificate, &pair.key);
    let listener = server::bind(IpAddr::from([127, 0, 0, 1]), 0).await.unwrap();
    let listener = listener.over(Arc::new(open(files).unwrap()));
    let (address, stop) = (listener.address(), CancellationToken::new());
    let serving = tokio::spawn(listener.serve(Router::new(), stop.clone()));
    for start in [&b""[..], b"\x16\x03\x01\x02\x00"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(start).await.unwrap();
        let mut rest = Vec::new();
        let _ = timeout(2 * HANDSHAKE, stream.read_to_end(&mut rest)).await.unwrap();
    }
    stop.cancel();
    timeout(Duration::from_secs(10), serving).await.unwrap().unwrap();
}

// D39: before anything starts, which file, and what is wrong with it; never what is in it.
#[test]
fn pairs_that_cannot_be_used_are_told() {
    let temp = tempfile::tempdir().unwrap();
    let (files, good, other) = (files(temp.path()), pair(), pair());
    let body = good.key.lines().nth(1).unwrap();
    for (certificate, key, setting, words) in [
        (good.certificate.as_str(), other.key.as_str(), KEY, "is not the key of the certificate in"),
        (&good.key, &good.key, CERTIFICATE, "holds no certificate"),
        (&good.certificate, &good.certificate, KEY, "holds no private key"),
        ("", &good.key, CERTIFICATE, "holds no certificate"),
        (&good.certificate, "", KEY, "holds no private key"),
    ] {
        write(&files, certificate, key);
        let told = open(files.clone()).err().unwrap();
        assert_eq!(told.field, setting, "{told}");
        assert!(told.message.contains(words) && !told.message.contains(body), "{told}");
    }
    write(&files, &good.certificate, &good.key);
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o604)).unwrap();
    assert!(open(files).err().unwrap().message.contains("has mode 604"));
}
