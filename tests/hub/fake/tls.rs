//! A door with TLS, and the certificates of an authority that these tests alone know.
//!
//! `certificates/make.sh` makes them. The key of the authority is thrown away, so that nobody can
//! make others; that of the server is no secret.

use std::{io, net::SocketAddr, sync::Arc};

use axum::serve::Listener;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Who vouches for every [`Certificate`].
pub(crate) const AUTHORITY: &str = include_str!("certificates/authority.pem");
/// An authority that vouches for none of them.
pub(crate) const STRANGER: &str = include_str!("certificates/stranger.pem");

/// What the server shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Certificate {
    /// For `127.0.0.1`, which it is.
    Right,
    /// For `elsewhere.example`.
    Elsewhere,
    /// For `127.0.0.1`, until the end of 2020.
    Expired,
    /// For `127.0.0.1`, from 2100 on.
    Early,
}

/// A listener for those who accept its certificate.
pub(crate) struct Secure {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Secure {
    pub(super) fn new(tcp: TcpListener, certificate: Certificate) -> Self {
        let pem = certificate.pem().as_bytes();
        let certificate = CertificateDer::from_pem_slice(pem).expect("a certificate");
        let key = include_bytes!("certificates/server.key");
        let key = PrivateKeyDer::from_pem_slice(key).expect("a key");
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("the key is that of the certificate");
        Self { tcp, acceptor: Arc::new(config).into() }
    }
}

impl Certificate {
    fn pem(self) -> &'static str {
        match self {
            Self::Right => include_str!("certificates/right.pem"),
            Self::Elsewhere => include_str!("certificates/elsewhere.pem"),
            Self::Expired => include_str!("certificates/expired.pem"),
            Self::Early => include_str!("certificates/early.pem"),
        }
    }
}

impl Listener for Secure {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    /// Whoever does not like the certificate hangs up, and the next one is let in.
    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.tcp).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
