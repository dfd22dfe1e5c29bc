//! The URLs of resources: made here and read here, nowhere else.

use chancery_actors::ports;
use chancery_machine::id::{AccountId, AuthorizationId, CertificateId, OrderId};
use chancery_machine::profile::Endpoint;

/// The resources that need no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of RFC 8555 section 7.1")]
pub(super) enum Resource {
    Directory,
    NewNonce,
    NewAccount,
    NewOrder,
    NewAuthz,
    RevokeCert,
    KeyChange,
    RenewalInfo,
}

impl Resource {
    /// Its last segment.
    #[must_use]
    pub(super) const fn segment(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::NewNonce => "new-nonce",
            Self::NewAccount => "new-account",
            Self::NewOrder => "new-order",
            Self::NewAuthz => "new-authz",
            Self::RevokeCert => "revoke-cert",
            Self::KeyChange => "key-change",
            Self::RenewalInfo => "renewal-info",
        }
    }
}

/// The URLs of accounts, for the engine.
pub struct AccountUrls {
    /// Scheme, host and port under which clients reach the server.
    pub origin: String,
}

impl ports::Urls for AccountUrls {
    fn account(&self, endpoint: &Endpoint, account: AccountId) -> String {
        Urls::new(&self.origin, endpoint).account(account)
    }

    fn account_hash_prefix(&self, endpoint: &Endpoint) -> String {
        Urls::new(&self.origin, endpoint).account_hash_prefix()
    }
}

/// The URLs of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Urls {
    base: String,
}

impl Urls {
    /// The URLs below `origin`, such as `https://acme.corp.example`, of an endpoint.
    #[must_use]
    pub(super) fn new(origin: &str, endpoint: &Endpoint) -> Self {
        Self { base: format!("{origin}/acme/{endpoint}") }
    }

    /// A resource that needs no name.
    #[must_use]
    pub(super) fn resource(&self, resource: Resource) -> String {
        format!("{}/{}", self.base, resource.segment())
    }

    /// An account: the `kid` of its requests.
    #[must_use]
    pub(super) fn account(&self, id: AccountId) -> String {
        format!("{}/acct/{id}", self.base)
    }

    /// What stands before the digests that name accounts in records of dns-persist-01. There is nothing to be had below it.
    #[must_use]
    pub(super) fn account_hash_prefix(&self) -> String {
        format!("{}/acct-hash/", self.base)
    }

    /// The list of an account's orders, those after `after`.
    #[must_use]
    pub(super) fn orders(&self, id: AccountId, after: Option<OrderId>) -> String {
        let cursor = after.map(|order| format!("?cursor={order}")).unwrap_or_default();
        format!("{}/acct/{id}/orders{cursor}", self.base)
    }

    /// An order.
    #[must_use]
    pub(super) fn order(&self, id: OrderId) -> String {
        format!("{}/order/{id}", self.base)
    }

    /// Where an order is finalized.
    #[must_use]
    pub(super) fn finalize(&self, id: OrderId) -> String {
        format!("{}/order/{id}/finalize", self.base)
    }

    /// An authorization.
    #[must_use]
    pub(super) fn authorization(&self, id: AuthorizationId) -> String {
        format!("{}/authz/{id}", self.base)
    }

    /// A challenge, by its place in its authorization.
    #[must_use]
    pub(super) fn challenge(&self, id: AuthorizationId, place: u32) -> String {
        format!("{}/chall/{id}/{place}", self.base)
    }

    /// A certificate.
    #[must_use]
    pub(super) fn certificate(&self, id: CertificateId) -> String {
        format!("{}/cert/{id}", self.base)
    }

    /// A certificate with another chain above it.
    #[must_use]
    pub(super) fn alternate(&self, id: CertificateId, chain: &str) -> String {
        format!("{}/cert/{id}/{chain}", self.base)
    }

    /// The current certificate of an order that is renewed automatically (RFC 8739 section 3.3).
    #[must_use]
    pub(super) fn star_certificate(&self, id: OrderId) -> String {
        format!("{}/star/{id}", self.base)
    }

    /// The account whose URL this is, if it is one of this endpoint.
    #[must_use]
    pub(super) fn read_account(&self, url: &str) -> Option<AccountId> {
        AccountId::parse(url.strip_prefix(&self.base)?.strip_prefix("/acct/")?)
    }
}

#[cfg(test)]
mod tests {
    use chancery_machine::id::ID_ENTROPY;
    use chancery_machine::profile::ProfileName;
    use chancery_machine::time::Timestamp;

    use super::*;

    #[test]
    fn an_account_url_is_read_at_its_own_endpoint_only() {
        let name = |text| ProfileName::parse(text).expect("a name");
        let urls = Urls::new("https://ca.example", &Endpoint::AcmeProfile(name("default")));
        let id = AccountId::new(Timestamp::from_seconds(1), [7; ID_ENTROPY]);
        assert_eq!(urls.read_account(&urls.account(id)), Some(id));
        for other in [
            Urls::new("https://ca.example", &Endpoint::AcmeProfile(name("default2"))),
            Urls::new("https://ca.example", &Endpoint::RaProfile(name("default"))),
            Urls::new("https://other.example", &Endpoint::AcmeProfile(name("default"))),
        ] {
            assert_eq!(urls.read_account(&other.account(id)), None);
        }
        assert_eq!(urls.read_account(&urls.orders(id, None)), None);
    }
}
