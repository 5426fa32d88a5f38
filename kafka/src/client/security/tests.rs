#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use rustls::{
    ServerConfig,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;

#[path = "../../../tests/real/certificates.rs"]
mod certificates;

use certificates::Certificates;

/// A server that lets in who has a certificate of `authority`.
fn server(authority: &str, certificate: &str, key: &str) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let roots = Arc::new(authorities(Some(authority.as_bytes())).unwrap());
    let verifier: Arc<dyn ClientCertVerifier> =
        WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build().unwrap();
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Whether a byte gets there and back.
async fn gets_in(tls: &Tls, acceptor: &TlsAcceptor) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serve = async {
        let mut stream = acceptor.accept(listener.accept().await?.0).await?;
        let byte = stream.read_u8().await?;
        stream.write_u8(byte).await?;
        stream.flush().await
    };
    let ask = async {
        let mut stream = tls.connect(&address.to_string(), TcpStream::connect(address).await?).await?;
        stream.write_u8(7).await?;
        stream.flush().await?;
        stream.read_u8().await.map(|byte| assert_eq!(byte, 7))
    };
    let (served, asked) = tokio::join!(serve, ask);
    served.and(asked)
}

#[tokio::test]
async fn brokers_that_ask_who_we_are() {
    let Certificates { authority, certificate, key } = Certificates::of(&["127.0.0.1"]);
    let pem = Some(authority.as_bytes());
    let acceptor = server(&authority, &certificate, &key);
    let known = Tls::proving(pem, certificate.as_bytes(), key.as_bytes()).unwrap();
    gets_in(&known, &acceptor).await.unwrap();
    gets_in(&Tls::new(pem).unwrap(), &acceptor).await.unwrap_err();
    let Certificates { certificate: other, key: other_key, .. } = Certificates::of(&["127.0.0.1"]);
    let stranger = Tls::proving(pem, other.as_bytes(), other_key.as_bytes()).unwrap();
    gets_in(&stranger, &acceptor).await.unwrap_err();

    for (certificate, key, why) in [
        (certificate.as_str(), other_key.as_str(), "KeyMismatch"),
        ("", key.as_str(), "cannot be used"),
        (certificate.as_str(), "", "no items found"),
    ] {
        let error = Tls::proving(pem, certificate.as_bytes(), key.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("PRIVATE"), "{why}: {error}");
    }
}
