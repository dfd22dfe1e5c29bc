//! What would become of an order, tried out: whether it would be placed and why, what it has to prove, and what its
//! certificate would say. The functions that place orders and draft certificates tell it; nothing is stored and nothing is
//! signed.

use std::sync::Arc;

use chancery_actors::error::TurnError;
use chancery_actors::finalize::Undrafted;
use chancery_actors::place::{PlaceError, Required};
use chancery_actors::ports::DraftError;
use chancery_actors::profiles::{Pair, ProfileSet};
use chancery_machine::identifier::Subject;
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::profile::{
    AcmeProfile, Endpoint, ExemptionMode, IdentifierType, KeyRules, NameRefused, ProfileName, RaProfile,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Admin;
use super::error::AdminError;
use super::objects::{AcmeProblemView, IdentifierView, ProfileRefView};
use super::operator::{Operator, Role};
use super::settings::{Fault, usage_name};
use super::time::rfc3339;
use crate::acme::problem::ProblemDocument;
use crate::acme::read_identifier;
use crate::pki::public_key::KeyKind;
use crate::pki::said::Said;
use crate::pki::sample;

/// What is tried out.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// A name, a wildcard or an address, as in `www.corp.example`, `*.corp.example` and `192.0.2.7`.
    pub identifier: String,
    /// The profile of the other kind; if left out, the one that is bound to this.
    pub with: Option<String>,
    /// The kind of the client's key, as in `p256` and `rsa`; the first one that the RA Profile accepts if left out.
    pub key: Option<String>,
}

/// What would become of an order.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Trial)]
pub struct TrialView {
    /// What was tried out.
    pub identifier: IdentifierView,
    /// How the endpoint behaves.
    pub acme_profile: Option<ProfileRefView>,
    /// How certificates are issued there.
    pub ra_profile: Option<ProfileRefView>,
    /// The directory of the endpoint where clients order this; there is none if nothing joins the two profiles.
    pub directory_url: Option<String>,
    /// The profile that the order has to name for that (draft-ietf-acme-profiles); none if it names none.
    pub order_profile: Option<String>,
    /// Whether a certificate would be issued, once what has to be proven is proven and the conditions hold.
    pub issued: bool,
    /// Why not, as clients are told; each reason stands by itself.
    pub refusals: Vec<AcmeProblemView>,
    /// Which settings of the RA Profile decide about the identifier, for operators: clients are not told.
    pub decided_by: Vec<String>,
    /// The rule by which nothing has to be proven, if one says so.
    pub exemption: Option<String>,
    /// The challenges that are offered, if something has to be proven.
    pub challenges: Vec<String>,
    /// Those of them that can prove all names below it too, if the client asks for that (RFC 9444).
    pub subdomain_challenges: Vec<String>,
    /// What else has to hold, of accounts and of records, for people.
    pub conditions: Vec<String>,
    /// What the certificate would say if it were issued now.
    pub certificate: Option<TrialCertificateView>,
}

/// What a certificate would say.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TrialCertificate)]
pub struct TrialCertificateView {
    /// Its issuer (RFC 4514).
    pub issuer: String,
    /// Its subject (RFC 4514); empty if it has none.
    pub subject: String,
    /// Its subjectAltName.
    pub subject_alt_names: Vec<String>,
    /// When its life would begin (RFC 3339).
    pub not_before: String,
    /// When its life would end (RFC 3339).
    pub not_after: String,
    /// The kind of key with which it was tried.
    pub key_algorithm: String,
    /// keyUsage (RFC 5280 section 4.2.1.3).
    pub key_usages: Vec<String>,
    /// extKeyUsage (RFC 5280 section 4.2.1.12); no extension if there are none.
    pub extended_key_usages: Vec<String>,
    /// certificatePolicies (RFC 5280 section 4.2.1.4).
    pub policies: Vec<String>,
    /// Where its CRL is.
    pub crl_urls: Vec<String>,
    /// Where its issuer's certificate is.
    pub ca_issuers_urls: Vec<String>,
    /// Where an OCSP responder is.
    pub ocsp_urls: Vec<String>,
}

/// The profiles of a trial, and how clients come to both of them.
struct Joined {
    acme: Option<Arc<AcmeProfile>>,
    ra: Option<Arc<RaProfile>>,
    endpoint: Option<Endpoint>,
    /// What the order names.
    profile: Option<ProfileName>,
}

impl Admin {
    /// Tries out an order at an ACME Profile, with its default RA Profile or another.
    ///
    /// # Errors
    /// [`AdminError`]; that it would be refused is none.
    pub async fn try_acme_profile(
        &self,
        operator: &Operator,
        name: &str,
        trial: &Trial,
    ) -> Result<TrialView, AdminError> {
        let acme = self.read_profile::<AcmeProfile>(operator, name)?;
        let set = self.engine.profiles();
        let joined = match named(trial) {
            Some(ra) => Joined::both(acme, self.other(operator, ra)?),
            None => {
                let ra = acme.default_ra_profile.as_ref().and_then(|ra| set.ra.get(ra)).cloned();
                let endpoint = Some(Endpoint::AcmeProfile(acme.name.clone()));
                Joined { acme: Some(acme), ra, endpoint, profile: None }
            }
        };
        self.try_out(&set, joined, trial).await
    }

    /// Tries out an order at an RA Profile, with the ACME Profile that is activated on it or another.
    ///
    /// # Errors
    /// [`AdminError`]; that it would be refused is none.
    pub async fn try_ra_profile(
        &self,
        operator: &Operator,
        name: &str,
        trial: &Trial,
    ) -> Result<TrialView, AdminError> {
        let ra = self.read_profile::<RaProfile>(operator, name)?;
        let set = self.engine.profiles();
        let joined = match named(trial) {
            Some(acme) => Joined::both(self.other(operator, acme)?, ra),
            None => {
                let acme = ra.acme_profile.as_ref().and_then(|acme| set.acme.get(acme)).cloned();
                let endpoint = Some(Endpoint::RaProfile(ra.name.clone()));
                Joined { acme, ra: Some(ra), endpoint, profile: None }
            }
        };
        self.try_out(&set, joined, trial).await
    }

    fn other<P: super::profiles::Managed>(&self, operator: &Operator, name: &str) -> Result<Arc<P>, AdminError> {
        operator.may(Role::Auditor)?;
        let absent = |_| Fault::new("with", format!("there is no {} {name:?}", P::TITLE));
        Ok(self.read_profile::<P>(operator, name).map_err(absent)?)
    }

    async fn try_out(&self, set: &ProfileSet, joined: Joined, trial: &Trial) -> Result<TrialView, AdminError> {
        let Joined { acme, ra, endpoint, profile } = joined;
        let mut refusals = Vec::new();
        refusals.extend(match &endpoint {
            Some(endpoint) => set.resolve(endpoint).err().map(|error| ProblemDocument::from(error).problem().clone()),
            None => unjoined(acme.as_deref(), ra.as_deref()),
        });
        let text = trial.identifier.trim();
        let address: Option<std::net::IpAddr> = text.parse().ok();
        let (word, value) = address.map_or(("dns", text.to_owned()), |address| ("ip", address.to_string()));
        let subject = read_identifier(word, &value);
        refusals.extend(subject.as_ref().err().map(|refused| refused.problem().clone()));
        let identifier = match &subject {
            Ok(subject) => IdentifierView::of(&subject.identifier, subject.wildcard),
            Err(_) => IdentifierView { kind: word.to_owned(), value },
        };
        let kind = ra.as_ref().map(|ra| key_kind(&ra.keys, trial.key.as_deref())).transpose()?;
        let mut view = TrialView {
            identifier,
            acme_profile: acme.as_ref().map(|acme| of(&acme.name, acme.revision.0)),
            ra_profile: ra.as_ref().map(|ra| of(&ra.name, ra.revision.0)),
            directory_url: endpoint.as_ref().map(|endpoint| format!("{}/acme/{endpoint}/directory", self.origin)),
            order_profile: profile.as_ref().map(ToString::to_string),
            issued: false,
            refusals: Vec::new(),
            decided_by: Vec::new(),
            exemption: None,
            challenges: Vec::new(),
            subdomain_challenges: Vec::new(),
            conditions: acme.as_deref().map(|acme| conditions(acme, word)).unwrap_or_default(),
            certificate: None,
        };
        if let (Ok(subject), Some(acme), Some(ra), Some(kind)) = (subject, acme, ra, kind) {
            view.decided_by = decided_by(&ra, &subject);
            // What issues where an order names a profile is for the engine to find.
            let default = profile.as_ref().and(acme.default_ra_profile.as_ref()).and_then(|name| set.ra.get(name));
            let pair = Pair { ra: Arc::clone(default.unwrap_or(&ra)), acme };
            let endpoint = endpoint.unwrap_or_else(|| Endpoint::RaProfile(ra.name.clone()));
            match self.engine.foresee(&endpoint, &pair, profile.as_ref().map(ProfileName::as_str), &subject) {
                Ok(required) => {
                    view.require(required);
                    match self.certificate_of_trial(&ra, &subject, kind).await? {
                        Ok(certificate) => view.certificate = Some(certificate),
                        Err(problem) => refusals.push(problem),
                    }
                }
                // For an operator the reason itself, which clients are not told.
                Err(PlaceError::Turn(error)) => refusals.push(problem(ProblemType::ServerInternal, error.to_string())),
                Err(error) => refusals.push(ProblemDocument::from(error).problem().clone()),
            }
        }
        view.issued = refusals.is_empty();
        view.refusals = refusals.iter().map(Into::into).collect();
        Ok(view)
    }

    async fn certificate_of_trial(
        &self,
        ra: &Arc<RaProfile>,
        subject: &Subject,
        kind: KeyKind,
    ) -> Result<Result<TrialCertificateView, Problem>, AdminError> {
        let key = sample::public_key(kind).map_err(|error| TurnError::Unavailable(error.to_string()))?;
        match self.engine.foresee_certificate(ra, subject, key).await {
            Ok(draft) => Ok(Ok(TrialCertificateView::of(&draft.tbs)?)),
            Err(Undrafted::Request(DraftError::BadCsr(why))) => Ok(Err(problem(ProblemType::BadCsr, why))),
            Err(Undrafted::Request(DraftError::Refused(why))) => Ok(Err(problem(ProblemType::ServerInternal, why))),
            Err(Undrafted::Endpoint(error)) => Ok(Err(ProblemDocument::from(error).problem().clone())),
            Err(Undrafted::Turn(error)) => Err(error.into()),
        }
    }
}

impl Joined {
    /// How clients come to both: where the one is the other's default or offered by it, or activated on it.
    fn both(acme: Arc<AcmeProfile>, ra: Arc<RaProfile>) -> Self {
        let default = acme.default_ra_profile.as_ref() == Some(&ra.name);
        let (endpoint, profile) = if default || acme.offers.contains(&ra.name) {
            (Some(Endpoint::AcmeProfile(acme.name.clone())), (!default).then(|| ra.name.clone()))
        } else {
            let activated = ra.acme_profile.as_ref() == Some(&acme.name);
            (activated.then(|| Endpoint::RaProfile(ra.name.clone())), None)
        };
        Self { acme: Some(acme), ra: Some(ra), endpoint, profile }
    }
}

impl TrialView {
    fn require(&mut self, required: Required) {
        match required {
            Required::Nothing(rule) => self.exemption = Some(rule),
            Required::Control { challenges, below } => {
                self.challenges = challenges.iter().map(ToString::to_string).collect();
                self.subdomain_challenges = below.iter().map(ToString::to_string).collect();
            }
        }
    }
}

impl TrialCertificateView {
    /// The view of what a DER TBSCertificate says.
    fn of(tbs: &[u8]) -> Result<Self, TurnError> {
        let damaged = |error| TurnError::Unavailable(format!("the draft of a certificate cannot be read: {error}"));
        let said = Said::of(tbs).map_err(damaged)?;
        Ok(Self {
            issuer: said.issuer,
            subject: said.subject,
            subject_alt_names: said.names,
            not_before: rfc3339(said.not_before),
            not_after: rfc3339(said.not_after),
            key_algorithm: said.key.token(),
            key_usages: said.key_usages.into_iter().map(str::to_owned).collect(),
            extended_key_usages: said.extended_key_usages.iter().map(|oid| usage_name(&oid.to_string())).collect(),
            policies: said.policies.iter().map(ToString::to_string).collect(),
            crl_urls: said.crl_urls,
            ca_issuers_urls: said.ca_issuers_urls,
            ocsp_urls: said.ocsp_urls,
        })
    }
}

fn named(trial: &Trial) -> Option<&str> {
    trial.with.as_deref().map(str::trim).filter(|name| !name.is_empty())
}

fn of(name: &ProfileName, revision: u64) -> ProfileRefView {
    ProfileRefView { name: name.to_string(), revision }
}

fn problem(kind: ProblemType, detail: String) -> Problem {
    Problem { kind, detail, subproblems: Vec::new() }
}

/// Which settings decide about an identifier: those that the engine looks at, in its order.
fn decided_by(ra: &RaProfile, subject: &Subject) -> Vec<String> {
    let (outcome, pattern) = ra.identifiers.decide(subject);
    let said = match (&outcome, pattern) {
        (Ok(()), Some(pattern)) => format!("allow has {pattern}"),
        (Ok(()), None) => "allow is empty, so everything is allowed that deny does not exclude".to_owned(),
        (Err(NameRefused::Type(kind)), _) => format!("identifierTypes has no {kind}"),
        (Err(NameRefused::Wildcard), _) => "wildcards is off".to_owned(),
        (Err(NameRefused::Denied), Some(pattern)) => format!("deny has {pattern}"),
        (Err(NameRefused::Denied), None) => "deny excludes it".to_owned(),
        (Err(NameRefused::NotAllowed), _) => "no pattern of allow covers it".to_owned(),
    };
    let exempt = ra.exemptions.rule(subject).map(|rule| format!("withoutChallenge has {rule}"));
    let only = || "withoutChallengeMode is onlyThese, and no rule of withoutChallenge covers it".to_owned();
    let only = (ra.exemptions.mode == ExemptionMode::OnlyThese).then(only);
    let then = exempt.or(only).filter(|_| outcome.is_ok());
    std::iter::once(said).chain(then).collect()
}

/// That no URL leads to both, and what would change that.
fn unjoined(acme: Option<&AcmeProfile>, ra: Option<&RaProfile>) -> Option<Problem> {
    let (acme, ra) = (&acme?.name, &ra?.name);
    let detail = format!(
        "no endpoint joins ACME Profile {acme} and RA Profile {ra}: activate the one on the other, or name {ra} as the \
         default RA Profile or among the RA Profiles of {acme}"
    );
    Some(problem(ProblemType::Unauthorized, detail))
}

/// The kind of key to try with. One that the profile does not accept is for the drafting to refuse.
fn key_kind(rules: &KeyRules, asked: Option<&str>) -> Result<KeyKind, Fault> {
    let accepted = sample::accepted(rules);
    let all = sample::accepted(&KeyRules::default());
    let Some(asked) = asked.map(str::trim).filter(|asked| !asked.is_empty()) else {
        return Ok(accepted.first().copied().unwrap_or(KeyKind::P256));
    };
    let is = |kind: &&KeyKind| kind.token() == asked || (asked == "rsa" && matches!(kind, KeyKind::Rsa(_)));
    accepted.iter().find(is).or_else(|| all.iter().find(is)).copied().ok_or_else(|| {
        let words: Vec<_> = all.iter().map(|kind| kind.token()).collect();
        Fault::new("key", format!("{asked:?} is not known; there are {}", words.join(", ")))
    })
}

/// What an endpoint wants of accounts and records before it issues.
fn conditions(acme: &AcmeProfile, kind: &str) -> Vec<String> {
    let terms = acme.terms.url.as_ref().filter(|_| acme.terms.agreement_required);
    // They are records of domain names (RFC 8659 section 3).
    let caa =
        (!acme.ignores_caa && kind == IdentifierType::Dns.token()).then(|| match acme.caa_identities.as_slice() {
            [] => {
                "No CAA record restricts who issues: none can mean this server, which has no CAA identities.".to_owned()
            }
            names => format!("CAA records, where there are any, let one of these issue: {}.", names.join(", ")),
        });
    [
        terms.map(|url| format!("The account has agreed to the terms of service, {url}.")),
        acme.contact_required.then(|| "The account has a contact.".to_owned()),
        acme.binding_required.then(|| {
            "The account is bound to an EAB credential, and that is for these profiles and for this identifier."
                .to_owned()
        }),
        caa,
    ]
    .into_iter()
    .flatten()
    .collect()
}
