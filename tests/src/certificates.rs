//! Certificates for tests of TLS, new ones for each test.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::server::ServerCertificate;

/// An authority that signs certificates; its files are gone when it is dropped.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

/// Files of a client: its certificate and its key.
#[derive(Debug)]
pub struct ClientFiles {
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
}

#[expect(clippy::new_without_default, reason = "no authority is like another")]
impl Authority {
    /// A new authority, which no system trusts.
    ///
    /// # Panics
    /// If no certificate or no directory can be made.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // Each authority has a name of its own: two with one name would differ only in their signatures.
        params.distinguished_name.push(DnType::CommonName, format!("authority {}", Uuid::new_v4()));
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a certificate");
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).expect("a file");
        Self { issuer, directory }
    }

    /// The file with its own certificate, in PEM.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A certificate for a server of this name.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn server(&self, name: &str) -> ServerCertificate {
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let (certificate, key) = self.sign(params, name, ExtendedKeyUsagePurpose::ServerAuth);
        ServerCertificate { authority: self.issuer.pem(), certificate, key }
    }

    /// A certificate for a client that logs in as `user`.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn client(&self, user: &str) -> ClientFiles {
        let (certificate, key) = self.sign(CertificateParams::default(), user, ExtendedKeyUsagePurpose::ClientAuth);
        let file = |name: String, text: String| {
            let path = self.directory.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        ClientFiles { certificate: file(format!("{user}.pem"), certificate), key: file(format!("{user}.key"), key) }
    }

    fn sign(&self, mut params: CertificateParams, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// A path in the form that it has in an address.
///
/// # Panics
/// If it is not UTF-8.
pub fn in_address(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
