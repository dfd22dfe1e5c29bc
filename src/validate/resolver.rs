//! Questions to the DNS: the profile's resolvers, one after the other, every answer noted.
//!
//! Each resolver has a client of its own. A client for them all would choose among them itself and not tell whose
//! answer it passes on.

#![allow(clippy::wildcard_enum_match_arm, reason = "record types and response codes are open sets, few of them ours")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_machine::dnssec::TrustAnchors;
use chancery_machine::identifier::DnsName;
use chancery_machine::network::NetworkRules;
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::transcript::{Happening, excerpt};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::rdata::DNSSECRData;
use hickory_resolver::proto::dnssec::{self, Algorithm, PublicKeyBuf};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{LowerName, Name, RData, Record, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use thiserror::Error;
use tokio::time::{Instant, timeout, timeout_at};

use super::Limits;
use super::caa::Property;
use super::extended_error::{self, ExtendedError};
use super::notes::Notes;

/// How many sets of resolvers keep their clients: about as many as there are profiles in use.
const KEPT: usize = 32;

/// How long clients are kept that validate: their library remembers which signatures it has verified for as long as the time
/// to live says that came with them, and that is not signed.
const REMEMBERING: Duration = Duration::from_secs(60);

/// How many CNAMEs of one answer are followed; resolvers give up at about as many.
const ALIASES: usize = 16;

/// How many records of one answer stand in the transcript.
const NOTED: usize = 16;

/// Why there is no answer; for operators. Clients read [`LookupError::problem`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum LookupError {
    #[error("NXDOMAIN")]
    NoSuchName,
    #[error("no such record")]
    NoData,
    #[error("it answered SERVFAIL{}", .0.as_ref().map(|why| format!(" ({})", why.full())).unwrap_or_default())]
    ServFail(Option<ExtendedError>),
    #[error("{0}")]
    Failed(String),
    #[error("DNSSEC does not prove what the resolver answered")]
    Bogus,
    #[error("the resolver cannot be reached: {0}")]
    Unreachable(String),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("the name is longer than the DNS allows")]
    TooLong,
    #[error("this server has no resolver: {0}")]
    NoResolver(String),
}

impl LookupError {
    /// What the client is told: `subject` is what was asked for, `record` the types, and `wanted` completes "create
    /// the record …".
    pub(super) fn problem(&self, subject: &str, record: &str, wanted: &str) -> Problem {
        let detail = match self {
            Self::NoSuchName => format!(
                "{subject} does not exist in the DNS (NXDOMAIN); create the {record} record {wanted}, wait until all \
                 name servers of the zone answer with it, and try again"
            ),
            Self::NoData => format!(
                "{subject} has no {record} record; create the {record} record {wanted}, wait until all name servers \
                 of the zone answer with it, and try again"
            ),
            Self::ServFail(why) => format!(
                "the resolver could not find the {record} records of {subject}: it answered SERVFAIL{}; check that the \
                 zone's name servers answer and, if it is signed, that its signatures are valid",
                why.as_ref().map(|why| format!(" ({})", why.meaning())).unwrap_or_default()
            ),
            Self::Failed(code) => format!(
                "the resolver could not find the {record} records of {subject}: {code}; check that the zone's name \
                 servers answer and, if it is signed, that its signatures are valid"
            ),
            Self::Bogus => format!(
                "DNSSEC does not prove the {record} records of {subject}, nor that they are unsigned; check the \
                 signatures of the zone and the DS records above it"
            ),
            Self::Unreachable(_) => format!(
                "this server cannot reach its DNS resolver to ask for the {record} records of {subject}; try again \
                 later, and tell its operator"
            ),
            Self::Timeout(limit) => format!(
                "no resolver answered for the {record} records of {subject} within {limit:?}; check that the zone's \
                 name servers can be reached, and try again"
            ),
            Self::TooLong => format!("{subject} is longer than the 255 octets that the DNS allows for a name"),
            Self::NoResolver(_) => {
                let detail = "this server has no DNS resolver; its operator has to name one in the profile";
                return Problem::new(ProblemType::ServerInternal, detail);
            }
        };
        Problem::new(ProblemType::Dns, detail)
    }
}

/// Asks resolvers. Keeps their clients, with connections and timing, but never an answer.
pub(super) struct Resolvers {
    per_try: Duration,
    per_lookup: Duration,
    /// Sets of resolvers, the last used at the end.
    kept: Mutex<Vec<Arc<Clients>>>,
}

/// The resolvers of some rules, in the order in which they are asked, and whether they are believed.
struct Clients {
    resolvers: Vec<Resolver>,
    dnssec: Option<TrustAnchors>,
    made: Instant,
}

/// What was found at a name, or where its aliases lead.
#[derive(Debug, Default, PartialEq)]
struct Found {
    data: Vec<RData>,
    /// The shortest time to live on the way, in seconds.
    ttl: u32,
    /// Whether all of it is signed up to a trust anchor.
    secure: bool,
}

/// A TXT record, its strings put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) value: Vec<u8>,
    /// How long it may be kept, in seconds.
    pub(super) ttl: u32,
}

struct Resolver {
    address: SocketAddr,
    client: TokioResolver,
}

impl Resolvers {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { per_try: limits.dns_try, per_lookup: limits.dns_lookup, kept: Mutex::new(Vec::new()) }
    }

    /// The addresses of a name, IPv6 and IPv4 in turn, IPv6 first, so that a few tries reach both (RFC 8305 section 4).
    pub(super) async fn addresses(
        &self,
        rules: &NetworkRules,
        name: &DnsName,
        notes: &Notes,
    ) -> Result<Vec<IpAddr>, LookupError> {
        if is_loopback(name) {
            let loopback = vec![IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
            notes.note(Happening::Resolved {
                resolver: "RFC 6761 section 6.3".into(),
                name: name.to_string(),
                record: "AAAA, A".into(),
                answer: Ok(loopback.iter().map(ToString::to_string).collect()),
            });
            return Ok(loopback);
        }
        let (aaaa, a) = tokio::join!(
            self.ask(rules, name.as_str(), RecordType::AAAA, notes),
            self.ask(rules, name.as_str(), RecordType::A, notes),
        );
        // A zone whose servers fail for one family is still reachable over the other.
        let (v6, v4) = match (aaaa, a) {
            (Err(_), Err(error)) => return Err(error),
            (v6, v4) => (v6.unwrap_or_default(), v4.unwrap_or_default()),
        };
        let (mut v6, mut v4) = (v6.data.iter().filter_map(RData::ip_addr), v4.data.iter().filter_map(RData::ip_addr));
        let mut addresses = Vec::new();
        loop {
            match (v6.next(), v4.next()) {
                (None, None) => return Ok(addresses),
                (sixth, fourth) => addresses.extend(sixth.into_iter().chain(fourth)),
            }
        }
    }

    /// The TXT records of a name: at least one.
    pub(super) async fn texts(
        &self,
        rules: &NetworkRules,
        name: &str,
        notes: &Notes,
    ) -> Result<Vec<Text>, LookupError> {
        let found = self.ask(rules, name, RecordType::TXT, notes).await?;
        let texts = found.data.iter().filter_map(text);
        Ok(texts.map(|value| Text { value, ttl: found.ttl }).collect())
    }

    /// The CAA records of a name: at least one.
    pub(super) async fn properties(
        &self,
        rules: &NetworkRules,
        name: &str,
        notes: &Notes,
    ) -> Result<Vec<Property>, LookupError> {
        let found = self.ask(rules, name, RecordType::CAA, notes).await?;
        Ok(found.data.iter().filter_map(property).collect())
    }

    /// Whether there is any answer to the simplest question.
    pub(super) async fn answers(&self, rules: &NetworkRules, notes: &Notes) -> Result<(), LookupError> {
        match self.ask(rules, "", RecordType::NS, notes).await {
            Ok(_) | Err(LookupError::NoSuchName | LookupError::NoData | LookupError::Bogus) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What the first resolver that has an answer, even a negative one, says.
    async fn ask(
        &self,
        rules: &NetworkRules,
        name: &str,
        kind: RecordType,
        notes: &Notes,
    ) -> Result<Found, LookupError> {
        // With the root dot: absolute, so that no search list is ever applied.
        let absolute = Name::from_ascii(format!("{name}.")).map_err(|_| LookupError::TooLong)?;
        let validating = rules.dnssec.is_some();
        let clients = self.of(rules).inspect_err(|error| {
            notes.note(Happening::GaveUp { reason: excerpt(&error.to_string()) });
        })?;
        let deadline = Instant::now() + self.per_lookup;
        let mut failure = LookupError::Timeout(self.per_lookup);
        // A chain of signatures takes many questions, each of which may take as long as one that stands alone.
        let per_try = if validating { self.per_lookup } else { self.per_try };
        for resolver in &clients.resolvers {
            let asked = timeout(per_try, resolver.client.lookup(absolute.clone(), kind));
            let answer = match timeout_at(deadline, asked).await {
                Ok(Ok(Ok(lookup))) if validating && spliced(&lookup) => Err(LookupError::Bogus),
                Ok(Ok(Ok(lookup))) => records(&absolute, kind, lookup.answers(), validating),
                Ok(Ok(Err(error))) if validating && !absence_is_proven(&absolute, &error) => Err(LookupError::Bogus),
                Ok(Ok(Err(error))) => Err(self.reason(&error)),
                Ok(Err(_)) => Err(LookupError::Timeout(per_try)),
                Err(_) => Err(LookupError::Timeout(self.per_lookup)),
            };
            // Why a resolver failed is told in full to operators, and by its number to the client.
            let why = match &answer {
                Err(LookupError::ServFail(_)) => {
                    let asked = extended_error::ask(resolver.address, &absolute, kind);
                    timeout_at(deadline, asked).await.ok().flatten()
                }
                Ok(_) | Err(_) => None,
            };
            let answer = answer.map_err(|error| match (&error, &why) {
                (LookupError::ServFail(_), Some(why)) => LookupError::ServFail(Some(why.clone())),
                _ => error,
            });
            let proof = answer.as_ref().ok().filter(|_| validating).map(|found| match found.secure {
                true => ", secure by DNSSEC",
                false => ", unsigned by DNSSEC",
            });
            notes.note(Happening::Resolved {
                resolver: resolver.address.to_string(),
                name: excerpt(name),
                record: format!("{kind}{}", proof.unwrap_or_default()),
                answer: answer.as_ref().map(|found| noted(&found.data)).map_err(ToString::to_string),
            });
            match answer {
                Ok(found) => return Ok(found),
                Err(error @ (LookupError::NoSuchName | LookupError::NoData)) => return Err(error),
                // A response code tells more than silence does.
                Err(error @ (LookupError::ServFail(_) | LookupError::Failed(_) | LookupError::Bogus)) => {
                    failure = error;
                }
                Err(error @ LookupError::Unreachable(_)) if matches!(failure, LookupError::Timeout(_)) => {
                    failure = error;
                }
                Err(_) => {}
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(failure)
    }

    /// The clients for the resolvers that these rules name.
    fn of(&self, rules: &NetworkRules) -> Result<Arc<Clients>, LookupError> {
        // Read each time, so that a host that moves to another network needs no restart.
        let addresses = if rules.resolvers.is_empty() { of_the_system()? } else { rules.resolvers.clone() };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|known| known.dnssec.is_none() || known.made.elapsed() < REMEMBERING);
        let same = |known: &Arc<Clients>| {
            known.dnssec == rules.dnssec && known.resolvers.iter().map(|resolver| &resolver.address).eq(&addresses)
        };
        if let Some(place) = kept.iter().position(same) {
            let clients = kept.remove(place);
            kept.push(Arc::clone(&clients));
            return Ok(clients);
        }
        let anchors = rules.dnssec.as_ref().map(anchors).transpose()?.map(Arc::new);
        let resolvers = addresses
            .iter()
            .map(|&address| self.client(address, anchors.clone()).map(|client| Resolver { address, client }))
            .collect::<Result<_, _>>()
            .map_err(|error| LookupError::NoResolver(error.to_string()))?;
        let clients = Arc::new(Clients { resolvers, dnssec: rules.dnssec.clone(), made: Instant::now() });
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push(Arc::clone(&clients));
        Ok(clients)
    }

    fn client(
        &self,
        address: SocketAddr,
        anchors: Option<Arc<dnssec::TrustAnchors>>,
    ) -> Result<TokioResolver, NetError> {
        let over = |mut connection: ConnectionConfig| {
            connection.port = address.port();
            connection
        };
        let connections = vec![over(ConnectionConfig::udp()), over(ConnectionConfig::tcp())];
        let server = NameServerConfig::new(address.ip(), true, connections);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut options = ResolverOpts::default();
        options.timeout = self.per_try;
        // Each try repeats its UDP packet by itself; a server that failed is not asked again within one attempt.
        options.attempts = 0;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.case_randomization = true;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        if let Some(anchors) = anchors {
            builder = builder.with_trust_anchor(anchors);
        }
        builder.with_options(options).build()
    }

    fn reason(&self, error: &NetError) -> LookupError {
        match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
                ResponseCode::NXDomain => LookupError::NoSuchName,
                ResponseCode::NoError => LookupError::NoData,
                code => failed(code),
            },
            // A proof of absence that proves only that nothing is signed there (RFC 9276 section 3.2).
            NetError::Dns(DnsError::Nsec { response, proof, .. }) if proof.is_insecure() => {
                match response.response_code {
                    ResponseCode::NXDomain => LookupError::NoSuchName,
                    ResponseCode::NoError => LookupError::NoData,
                    code => failed(code),
                }
            }
            NetError::Dns(DnsError::Nsec { .. } | DnsError::DnssecBogus) => LookupError::Bogus,
            NetError::Dns(DnsError::ResponseCode(code)) => failed(*code),
            NetError::Timeout => LookupError::Timeout(self.per_try),
            NetError::Io(_) | NetError::NoConnections | NetError::Busy => LookupError::Unreachable(error.to_string()),
            _ => LookupError::Failed("the resolver's answer makes no sense".into()),
        }
    }
}

fn failed(code: ResponseCode) -> LookupError {
    LookupError::Failed(match code {
        ResponseCode::ServFail => return LookupError::ServFail(None),
        ResponseCode::Refused => "it answered REFUSED".into(),
        other => format!("it answered with response code {}", u16::from(other)),
    })
}

fn of_the_system() -> Result<Vec<SocketAddr>, LookupError> {
    let (config, _) = read_system_conf().map_err(|error| LookupError::NoResolver(error.to_string()))?;
    let mut addresses = Vec::new();
    for server in config.name_servers() {
        let port = server.connections.first().map_or(53, |connection| connection.port);
        let address = SocketAddr::new(server.ip, port);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(LookupError::NoResolver("the system names none".into()));
    }
    Ok(addresses)
}

/// The records of this type that belong to the name or to what its CNAMEs lead to, whatever else the answer holds. Where we
/// validate, each of them is either signed or proven to be unsigned: whoever leaves a zone unsigned is served as ever.
fn records(name: &Name, kind: RecordType, answers: &[Record], validating: bool) -> Result<Found, LookupError> {
    let mut owner = name;
    let mut way = Vec::new();
    // Bounded, so that a long chain or a circle costs little.
    for _ in 0..ALIASES {
        let alias = answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *owner => Some((record, &target.0)),
            _ => None,
        });
        match alias {
            Some((record, target)) => {
                way.push(record);
                owner = target;
            }
            None => break,
        }
    }
    let own = answers.iter().filter(|record| record.name == *owner && record.record_type() == kind);
    let own = own.collect::<Vec<_>>();
    if own.is_empty() {
        // That there is nothing has to be proven too, and these records prove something else.
        return Err(if validating { LookupError::Bogus } else { LookupError::NoData });
    }
    way.extend(&own);
    if validating && way.iter().any(|record| record.proof.is_bogus() || record.proof.is_indeterminate()) {
        return Err(LookupError::Bogus);
    }
    Ok(Found {
        data: own.iter().map(|record| record.data.clone()).collect(),
        ttl: way.iter().map(|record| record.ttl).min().unwrap_or_default(),
        secure: way.iter().all(|record| record.proof.is_secure()),
    })
}

/// The anchors as the resolver's library has them.
fn anchors(anchors: &TrustAnchors) -> Result<dnssec::TrustAnchors, LookupError> {
    if anchors.0.is_empty() {
        return Ok(dnssec::TrustAnchors::default());
    }
    let mut all = dnssec::TrustAnchors::empty();
    for anchor in &anchors.0 {
        let bad = |_| LookupError::NoResolver(format!("{anchor} is no trust anchor"));
        let key = STANDARD.decode(anchor.key()).map_err(|error| bad(error.to_string()))?;
        let zone = anchor.zone().map_or_else(String::new, ToString::to_string);
        let zone = Name::from_ascii(format!("{zone}.")).map_err(|error| bad(error.to_string()))?;
        let key = PublicKeyBuf::new(key, Algorithm::from_u8(anchor.algorithm()));
        all.insert_with_name(&key, LowerName::from(zone));
    }
    Ok(all)
}

/// Whether nothing is there, where the resolver's library says so: a signed record denies it, or the zone is proven to be
/// unsigned. The library believes unsigned authority records of whatever unsigned zone, so it is looked here whether they are
/// of one in which the name lies. What an alias leads to is not believed to be absent: nothing tells whether the alias was
/// signed. Every other failure is one however it came.
fn absence_is_proven(asked: &Name, error: &NetError) -> bool {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else { return true };
    if none.query.name() != asked {
        return false;
    }
    let authorities = none.authorities.iter().flat_map(|records| records.iter());
    authorities.into_iter().any(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC(_) | DNSSECRData::NSEC3(_)) => record.proof.is_secure(),
        RData::SOA(_) => record.proof.is_insecure() && record.name.zone_of(asked),
        _ => false,
    })
}

/// Whether an answer is signed and what stands beside it is all of unsigned zones: then the library has not looked whether a
/// wildcard may have been put in the place of a name that there is.
fn spliced(lookup: &Lookup) -> bool {
    let beside = lookup.authorities();
    lookup.answers().iter().any(|record| record.proof.is_secure())
        && !beside.is_empty()
        && beside.iter().all(|record| record.proof.is_insecure())
}

/// Whether a name is loopback by its name alone (RFC 6761 section 6.3).
pub(super) fn is_loopback(name: &DnsName) -> bool {
    name.as_str() == "localhost" || name.as_str().ends_with(".localhost")
}

fn property(data: &RData) -> Option<Property> {
    match data {
        RData::CAA(caa) => {
            Some(Property { critical: caa.issuer_critical, tag: caa.tag.clone(), value: caa.value.clone() })
        }
        _ => None,
    }
}

fn text(data: &RData) -> Option<Vec<u8>> {
    match data {
        RData::TXT(text) => Some(text.txt_data.concat()),
        _ => None,
    }
}

fn noted(found: &[RData]) -> Vec<String> {
    let mut lines = found
        .iter()
        .take(NOTED)
        .map(|data| match text(data) {
            Some(text) => excerpt(&String::from_utf8_lossy(&text)),
            None => excerpt(&data.to_string()),
        })
        .collect::<Vec<_>>();
    if found.len() > NOTED {
        lines.push(format!("and {} more", found.len() - NOTED));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::rr::rdata::{CNAME, TXT};

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    fn record(owner: &str, data: RData) -> Record {
        Record::from_rdata(name(owner), 60, data)
    }

    fn txt(text: &str) -> RData {
        RData::TXT(TXT::new(vec![text.to_owned()]))
    }

    #[test]
    fn only_what_the_name_leads_to_is_taken() {
        let answers = [
            record("b.test.", txt("right")),
            record("other.test.", txt("wrong")),
            record("A.test.", RData::CNAME(CNAME(name("B.test.")))),
            record("b.test.", RData::from(IpAddr::V4(Ipv4Addr::LOCALHOST))),
        ];
        let found = |host, kind| records(&name(host), kind, &answers, false).map(|found| (found.data, found.ttl));
        assert_eq!(found("a.test.", RecordType::TXT), Ok((vec![txt("right")], 60)));
        assert_eq!(found("c.test.", RecordType::TXT), Err(LookupError::NoData));
        assert_eq!(found("a.test.", RecordType::AAAA), Err(LookupError::NoData));
    }

    #[test]
    fn few_clients_are_kept_and_the_last_used_ones() {
        let resolvers = Resolvers::new(&Limits::default());
        let of = |port| {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            resolvers.of(&NetworkRules { resolvers: vec![address], ..NetworkRules::default() }).expect("clients")
        };
        let first = of(1);
        for port in 2..=200 {
            of(port);
            assert!(Arc::ptr_eq(&first, &of(1)), "{port}");
        }
        assert_eq!(resolvers.kept.lock().expect("nothing panicked").len(), KEPT);
    }
}
