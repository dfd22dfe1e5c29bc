//! What operators do with certificates.

use chancery_actors::Versioned;
use chancery_actors::audit::Deed;
use chancery_actors::error::TurnError;
use chancery_actors::listing::{CertificateQuery, Cursor, Page};
use chancery_machine::certificate::{Certificate, CertificateEvent, CertificateState, RevocationReason};
use chancery_machine::id::{AuthorityId, CertificateId, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::order::Order;
use chancery_machine::time::Timestamp;
use der::pem::LineEnding;
use der::{Decode, Encode};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Serialize;
use utoipa::ToSchema;

use super::Admin;
use super::authorities::AuthorityInfo;
use super::error::AdminError;
use super::objects::{ProfileRefView, deed, found, guard, hex, path_id, unstored};
use super::operator::{Operator, Role};
use super::orders::OrderView;
use super::precondition::Precondition;
use super::renewal::{NewRenewalCall, RenewalCallView};
use super::settings::Fault;
use super::time::rfc3339;
use super::words;
use crate::pki::pkcs7;
use crate::pki::public_key::PublicKey;
use crate::pki::readable::readable;
pub use crate::pki::readable::{Readable, ReadableExtension};

const KIND: &str = "certificate";

/// A certificate.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Certificate)]
pub struct CertificateView {
    /// Names it.
    pub id: String,
    /// Counts changes; the ETag.
    pub revision: u64,
    /// How it stands now.
    pub status: words::CertificateStatus,
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// The names that it is for.
    pub subjects: Vec<String>,
    /// The id of the account that it was issued to; nobody's if the server issued it to itself.
    pub account: Option<String>,
    /// The id of the order that it was issued for.
    pub order: Option<String>,
    /// What signed it.
    pub authority: IssuerView,
    /// The ACME Profile under which it was ordered.
    pub acme_profile: Option<ProfileRefView>,
    /// The RA Profile by whose rules it was issued.
    pub ra_profile: Option<ProfileRefView>,
    /// When its life begins (RFC 3339).
    pub not_before: String,
    /// When its life ends (RFC 3339).
    pub not_after: String,
    /// When it was issued (RFC 3339).
    pub issued: String,
    /// SHA-256 of its DER, in hexadecimal.
    pub fingerprint: String,
    /// The kind of its key: `p256`, `p384`, `p521`, `ed25519`, `mldsa44`, `mldsa65`, `mldsa87`, or `rsa` with the bits, as in
    /// `rsa2048`.
    pub key_algorithm: String,
    /// Since when and why it is revoked.
    pub revoked: Option<RevocationView>,
    /// The id of the order that replaces it, or was to (RFC 9773).
    pub replaced_by: Option<String>,
    /// An operator's call to renew it (RFC 9773).
    pub renewal_call: Option<RenewalCallView>,
}

/// A certificate with its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = CertificateDetail)]
pub struct CertificateDetail {
    /// The certificate.
    #[serde(flatten)]
    pub certificate: CertificateView,
    /// The same, PEM.
    pub pem: String,
}

/// What signed a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Issuer)]
pub struct IssuerView {
    /// The id of the authority.
    pub id: String,
    /// Its common name, which stands in the certificate as its issuer's.
    pub name: Option<String>,
}

/// Since when and why a certificate is revoked.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Revocation)]
pub struct RevocationView {
    /// When (RFC 3339).
    pub at: String,
    /// Why, if a reason was given.
    pub reason: Option<words::RevocationReason>,
    /// The number of the first CRL that lists it, once there is one.
    pub published: Option<u64>,
}

/// The forms in which a certificate can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The certificate alone, PEM.
    Pem,
    /// The certificate alone, DER.
    Der,
    /// The certificate and those above it up to the root, and without that, PEM: what ACME clients get.
    Chain,
    /// The same certificates in one file of PKCS #7, DER.
    Pkcs7,
}

/// What a certificate says, and how it is linked to its root.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The certificate in words.
    pub certificate: Readable,
    /// Those above it, the one that signed it first, the root last.
    pub above: Vec<Link>,
}

/// A certificate above another.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The id of the authority whose certificate it is, if it is kept here.
    pub authority: Option<String>,
    /// The certificate in words.
    pub certificate: Readable,
}

impl Admin {
    /// A page of the certificates.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_certificates(
        &self,
        operator: &Operator,
        query: &CertificateQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<CertificateView>, AdminError> {
        operator.may(Role::Auditor)?;
        let now = self.engine.now();
        let page = self.engine.list_certificates(query, after, limit).await?;
        Ok(page.map(|certificate| CertificateView::of(&certificate, now)))
    }

    /// One certificate.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn read_certificate(&self, operator: &Operator, id: &str) -> Result<CertificateDetail, AdminError> {
        operator.may(Role::Auditor)?;
        let (_, certificate) = self.certificate(id).await?;
        let pem = pem(&certificate.state.record.der)?;
        Ok(CertificateDetail { certificate: CertificateView::of(&certificate, self.engine.now()), pem })
    }

    /// The bytes of a certificate.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn download_certificate(&self, operator: &Operator, id: &str, form: Form) -> Result<Vec<u8>, AdminError> {
        operator.may(Role::Auditor)?;
        let record = self.certificate(id).await?.1.state.record;
        match form {
            Form::Der => Ok(record.der),
            Form::Pem => Ok(pem(&record.der)?.into_bytes()),
            Form::Chain => {
                let above = self.above(record.authority)?;
                let all: Result<String, _> = std::iter::once(&record.der).chain(&above).map(|der| pem(der)).collect();
                Ok(all?.into_bytes())
            }
            Form::Pkcs7 => {
                let above = self.above(record.authority)?;
                let all = std::iter::once(&record.der).chain(&above).map(Vec::as_slice);
                Ok(pkcs7::certificates_only(all).map_err(|error| unreadable(&error))?)
            }
        }
    }

    /// What a certificate says, in words, and those above it.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn decode_certificate(&self, operator: &Operator, id: &str) -> Result<Decoded, AdminError> {
        operator.may(Role::Auditor)?;
        let record = self.certificate(id).await?.1.state.record;
        let read = |der: &[u8]| readable(der).map_err(|error| unreadable(&error));
        let kept = self.authorities.all().await?;
        let of = |certificate: &Readable| {
            let same = |kept: &&AuthorityInfo| kept.serial == certificate.serial && kept.subject == certificate.subject;
            kept.iter().find(same)
        };
        let mut above = Vec::new();
        // An authority may be deleted once all that it has signed is over: then there is nothing above.
        for der in self.engine.chain(record.authority).unwrap_or_default() {
            let certificate = read(&der)?;
            above.push(Link { authority: of(&certificate).map(|kept| kept.id.to_string()), certificate });
        }
        // Clients get no root; it is the one above the authority that signed.
        let parent = kept.iter().find(|kept| kept.id == record.authority).and_then(|signer| signer.parent);
        if let Some(root) = parent.and_then(|parent| kept.iter().find(|kept| kept.id == parent)) {
            let der =
                CertificateDer::from_pem_slice(root.certificate_pem.as_bytes()).map_err(|error| unreadable(&error))?;
            above.push(Link { authority: Some(root.id.to_string()), certificate: read(&der)? });
        }
        Ok(Decoded { certificate: read(&record.der)?, above })
    }

    /// Those above what an authority has signed, without the root.
    fn above(&self, authority: AuthorityId) -> Result<Vec<Vec<u8>>, AdminError> {
        Ok(self.engine.chain(authority).map_err(|error| TurnError::Unavailable(error.to_string()))?)
    }

    /// Revokes a certificate; the CRL follows. If its order is renewed automatically, the order is canceled.
    ///
    /// # Errors
    /// [`AdminError`]; the machine refuses it for what has expired or was revoked before.
    pub async fn revoke_certificate(
        &self,
        operator: &Operator,
        id: &str,
        reason: Option<RevocationReason>,
        precondition: Precondition,
    ) -> Result<CertificateView, AdminError> {
        operator.may(Role::Operator)?;
        let (named, certificate) = self.certificate(id).await?;
        let seen = guard(precondition, certificate.revision)?;
        let now = self.engine.now();
        let describe = described("revoke", named, now);
        let canceled = move |id: OrderId, before: &Order, after: &Order| {
            let view = |state| OrderView::of(&unstored(id.0, state), now);
            deed("cancel", format!("order/{id}"), &view(before), &view(after))
        };
        let who = &operator.who;
        let revoked = self.engine.administer_revocation(who, &certificate, reason, seen, describe, canceled).await?;
        Ok(CertificateView::of(&revoked, now))
    }

    /// Calls for a certificate to be renewed (RFC 9773), or takes that back.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn renew_certificate(
        &self,
        operator: &Operator,
        id: &str,
        call: NewRenewalCall,
        precondition: Precondition,
    ) -> Result<CertificateView, AdminError> {
        operator.may(Role::Operator)?;
        let event = CertificateEvent::RenewalCalled(call.made(self.engine.now())?);
        self.change_certificate(operator, "renew", id, event, precondition).await
    }

    /// Sends a certificate an operator's event, and logs it as that action.
    async fn change_certificate(
        &self,
        operator: &Operator,
        action: &'static str,
        id: &str,
        event: CertificateEvent,
        precondition: Precondition,
    ) -> Result<CertificateView, AdminError> {
        let (named, certificate) = self.certificate(id).await?;
        let seen = guard(precondition, certificate.revision)?;
        let now = self.engine.now();
        let describe = described(action, named, now);
        let changed = self.engine.administer_certificate(&operator.who, named, event, seen, describe).await?;
        Ok(CertificateView::of(&changed, now))
    }

    /// The authority of this id or name, for a filter.
    ///
    /// # Errors
    /// [`Fault`] of that field.
    pub fn issuer(&self, field: &str, text: &str) -> Result<AuthorityId, Fault> {
        // One that was deleted may have left certificates.
        let known = AuthorityId::parse(text).map_or_else(|| self.authorities.resolve(Some(text)), Ok);
        known.map_err(|why| Fault::new(field, why))
    }

    async fn certificate(&self, id: &str) -> Result<(CertificateId, Versioned<Certificate>), AdminError> {
        let named = path_id(KIND, id, CertificateId::parse)?;
        Ok((named, found(KIND, id, self.engine.certificate(named).await)?))
    }
}

/// What the log says of an action.
fn described(
    action: &'static str,
    named: CertificateId,
    now: Timestamp,
) -> impl Fn(&Certificate, &Certificate) -> Deed + Clone + Send + 'static {
    move |before, after| {
        let view = |state| CertificateView::of(&unstored(named.0, state), now);
        deed(action, format!("certificate/{named}"), &view(before), &view(after))
    }
}

impl CertificateView {
    /// The view of a certificate at this moment.
    #[must_use]
    pub fn of(certificate: &Versioned<Certificate>, now: Timestamp) -> Self {
        let Versioned { id, revision, state } = certificate;
        let record = &state.record;
        let revoked = match state.state {
            CertificateState::Valid => None,
            CertificateState::Revoked { at, reason, published } => {
                Some(RevocationView { at: rfc3339(at), reason: reason.map(Into::into), published })
            }
        };
        let (acme_profile, ra_profile) = record.profiles.as_ref().map(|(acme, ra)| (acme.into(), ra.into())).unzip();
        let said = Said::of(&record.der);
        Self {
            id: id.to_string(),
            revision: revision.0,
            status: state.status(now).into(),
            serial: hex(&record.serial),
            subjects: record.subjects.iter().map(Subject::to_string).collect(),
            account: record.order.map(|(account, _)| account.to_string()),
            order: record.order.map(|(_, order)| order.to_string()),
            authority: IssuerView { id: record.authority.to_string(), name: said.issuer },
            acme_profile,
            ra_profile,
            not_before: rfc3339(record.not_before),
            not_after: rfc3339(record.not_after),
            issued: rfc3339(record.issued),
            fingerprint: hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &record.der).as_ref()),
            key_algorithm: said.key,
            revoked,
            replaced_by: state.replaced.map(|order| order.to_string()),
            renewal_call: state.call.map(Into::into),
        }
    }
}

/// What only the certificate itself says.
struct Said {
    issuer: Option<String>,
    key: String,
}

impl Said {
    fn of(der: &[u8]) -> Self {
        let parsed = x509_cert::Certificate::from_der(der).ok();
        let issuer = parsed.as_ref().and_then(|parsed| {
            let names = parsed.tbs_certificate().issuer().iter();
            let name = names.filter(|part| part.oid == const_oid::db::rfc4519::COMMON_NAME).last()?;
            name.value.decode_as::<der::asn1::Utf8StringRef<'_>>().ok().map(|name| name.as_str().to_owned())
        });
        let key = parsed.and_then(|parsed| parsed.tbs_certificate().subject_public_key_info().to_der().ok());
        let key = key.and_then(|spki| PublicKey::parse(&spki).ok());
        Self { issuer, key: key.map_or_else(|| "unknown".to_owned(), |key| key.kind().token()) }
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> TurnError {
    TurnError::Unavailable(format!("a certificate cannot be read: {error}"))
}

fn pem(der: &[u8]) -> Result<String, AdminError> {
    let damaged = |error| AdminError::Turn(TurnError::Unavailable(format!("a certificate has no PEM form: {error}")));
    der::pem::encode_string("CERTIFICATE", LineEnding::LF, der).map_err(damaged)
}
