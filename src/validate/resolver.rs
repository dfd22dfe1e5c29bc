//! Questions to the DNS: the profile's resolvers, one after the other, every answer noted.
//!
//! Each resolver has a client of its own. A client for them all would choose among them itself and not tell whose
//! answer it passes on.

#![allow(clippy::wildcard_enum_match_arm, reason = "record types and response codes are open sets, few of them ours")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chancery_machine::dnssec::TrustAnchors;
use chancery_machine::identifier::DnsName;
use chancery_machine::network::NetworkRules;
use chancery_machine::transcript::{Happening, excerpt};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::TrustAnchors as Keys;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use tokio::time::{Instant, timeout, timeout_at};

use super::Limits;
use super::caa::Property;
use super::dnssec::{absence_is_proven, is_above, keys, spliced, zones};
use super::extended_error;
use super::lookup_error::LookupError;
use super::notes::Notes;

/// How many sets of resolvers keep their clients: about as many as there are profiles in use.
const KEPT: usize = 32;

/// How long clients are kept that validate: their library remembers which signatures it has verified for as long as the time
/// to live says that came with them, and that is not signed.
const REMEMBERING: Duration = Duration::from_secs(60);

/// How many CNAMEs are followed; resolvers give up at about as many.
pub(super) const ALIASES: usize = 16;

/// Who says what names below `localhost` have: nobody is asked.
pub(super) const LOOPBACK: &str = "RFC 6761 section 6.3";

/// How many records of one answer stand in the transcript.
const NOTED: usize = 16;

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

/// Why one answer has nothing.
struct Nothing {
    reason: LookupError,
    /// Whether it may be for aliases that have to be asked for one by one.
    aliases: bool,
}

struct Resolver {
    address: SocketAddr,
    client: TokioResolver,
    /// Where the client validates: from which zones on, and one that does not, for what lies above them.
    island: Option<(Vec<Name>, TokioResolver)>,
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
                resolver: LOOPBACK.into(),
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
        understood(&found.data)
    }

    /// Whether there is any answer to the simplest question.
    pub(super) async fn answers(&self, rules: &NetworkRules, notes: &Notes) -> Result<(), LookupError> {
        match self.ask(rules, "", RecordType::NS, notes).await {
            Ok(_) | Err(LookupError::NoSuchName | LookupError::NoData | LookupError::Bogus) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What the first resolver that has an answer, even a negative one, says. That DNSSEC does not let it answer is one: who is
    /// asked next may be one that does not validate, and believe what this one has found forged.
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
            let asked = timeout(per_try, self.answer(resolver, &absolute, kind));
            let answer = match timeout_at(deadline, asked).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(LookupError::Timeout(per_try)),
                Err(_) => Err(LookupError::Timeout(self.per_lookup)),
            };
            // Why a resolver failed decides whether the next one is asked. It is told in full to operators, and by its number to
            // the client.
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
                Err(LookupError::ServFail(Some(why))) if why.is_of_dnssec() => {
                    return Err(LookupError::ServFail(Some(why)));
                }
                // A response code tells more than silence does.
                Err(
                    error @ (LookupError::ServFail(_)
                    | LookupError::Failed(_)
                    | LookupError::Bogus
                    | LookupError::Aliases),
                ) => failure = error,
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

    /// What one resolver says of a name, or of what its aliases lead to.
    async fn answer(&self, resolver: &Resolver, asked: &Name, kind: RecordType) -> Result<Found, LookupError> {
        let failed = match self.question(resolver, asked, kind).await {
            Ok(found) => return Ok(found),
            Err(Nothing { reason, aliases: false }) => return Err(reason),
            Err(Nothing { reason, aliases: true }) => reason,
        };
        // Of the end of a chain it is not believed together with the chain that there is nothing, so each alias is asked for
        // by itself, and then the end.
        let (mut owner, mut way) = (asked.clone(), Vec::new());
        while let Some((step, target)) = self.alias(resolver, &owner, kind).await? {
            if way.len() == ALIASES {
                return Err(LookupError::Aliases);
            }
            way.push(step);
            owner = target;
        }
        if way.is_empty() {
            return Err(failed);
        }
        let found = self.question(resolver, &owner, kind).await.map_err(|nothing| nothing.reason)?;
        Ok(way.iter().fold(found, |found, step| Found {
            ttl: found.ttl.min(step.ttl),
            secure: found.secure && step.secure,
            ..found
        }))
    }

    /// What one answer says.
    async fn question(&self, resolver: &Resolver, owner: &Name, kind: RecordType) -> Result<Found, Nothing> {
        let (client, validating) = resolver.client(owner, kind);
        let reason = match client.lookup(owner.clone(), kind).await {
            Ok(lookup) if validating && spliced(&lookup) => LookupError::Bogus,
            Ok(lookup) => match records(owner, kind, lookup.answers(), validating) {
                Ok(found) => return Ok(found),
                Err(reason) => reason,
            },
            Err(error) if validating && !absence_is_proven(owner, &error) => LookupError::Bogus,
            // The library says that there is nothing also of a chain that it has not followed to its end, and then shows no
            // authority for it.
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) if kind == RecordType::CAA => {
                let elsewhere = none.query.name() != owner;
                let aliases = elsewhere || none.authorities.is_none();
                let reason = self.reason(&DnsError::NoRecordsFound(none).into());
                return Err(Nothing { reason: if elsewhere { LookupError::Aliases } else { reason }, aliases });
            }
            Err(error) => self.reason(&error),
        };
        let aliases = matches!(reason, LookupError::Bogus | LookupError::Aliases);
        Err(Nothing { reason, aliases })
    }

    /// What a name is an alias for, if it is one. That it is none needs no proof: then it is asked itself.
    async fn alias(
        &self,
        resolver: &Resolver,
        owner: &Name,
        kind: RecordType,
    ) -> Result<Option<(Found, Name)>, LookupError> {
        let (client, validating) = resolver.client(owner, kind);
        let found = match client.lookup(owner.clone(), RecordType::CNAME).await {
            Ok(lookup) if validating && spliced(&lookup) => Err(LookupError::Bogus),
            Ok(lookup) => records(owner, RecordType::CNAME, lookup.answers(), validating),
            Err(error) => Err(self.reason(&error)),
        };
        match found {
            Ok(found) => {
                let target = found.data.iter().find_map(|data| match data {
                    RData::CNAME(target) => Some(target.0.clone()),
                    _ => None,
                });
                Ok(target.map(|target| (found, target)))
            }
            Err(LookupError::NoSuchName | LookupError::NoData | LookupError::Bogus) => Ok(None),
            Err(error) => Err(error),
        }
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
        let anchors = rules.dnssec.as_ref().map(keys).transpose()?.map(Arc::new);
        let resolver = |&address: &SocketAddr| {
            let client = self.client(address, anchors.clone())?;
            let island = match &rules.dnssec {
                Some(anchors) => Some((zones(anchors), self.client(address, None)?)),
                None => None,
            };
            Ok(Resolver { address, client, island })
        };
        let resolvers = addresses
            .iter()
            .map(resolver)
            .collect::<Result<_, NetError>>()
            .map_err(|error| LookupError::NoResolver(error.to_string()))?;
        let clients = Arc::new(Clients { resolvers, dnssec: rules.dnssec.clone(), made: Instant::now() });
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push(Arc::clone(&clients));
        Ok(clients)
    }

    fn client(&self, address: SocketAddr, anchors: Option<Arc<Keys>>) -> Result<TokioResolver, NetError> {
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

impl Resolver {
    /// Who asks for this, and whether its answers are validated. What lies above all anchors nobody can prove: there the search
    /// for CAA records takes what comes. Control of a name is not proven so.
    fn client(&self, name: &Name, kind: RecordType) -> (&TokioResolver, bool) {
        match &self.island {
            Some((zones, plain)) if kind == RecordType::CAA && is_above(zones, name) => (plain, false),
            island => (&self.client, island.is_some()),
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
    loop {
        let alias = answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if kind != RecordType::CNAME && record.name == *owner => Some((record, &target.0)),
            _ => None,
        });
        match alias {
            Some(_) if way.len() == ALIASES => return Err(LookupError::Aliases),
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

/// Whether a name is loopback by its name alone (RFC 6761 section 6.3).
pub(super) fn is_loopback(name: &DnsName) -> bool {
    name.as_str() == "localhost" || name.as_str().ends_with(".localhost")
}

/// All properties of a set, or none of them: what is not understood may be what forbids.
fn understood(set: &[RData]) -> Result<Vec<Property>, LookupError> {
    let property = |data: &RData| match data {
        RData::CAA(caa) => {
            Ok(Property { critical: caa.issuer_critical, tag: caa.tag.clone(), value: caa.value.clone() })
        }
        _ => Err(LookupError::Malformed),
    };
    set.iter().map(property).collect()
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
    use hickory_resolver::proto::rr::rdata::{CAA, CNAME, TXT};

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
    fn one_record_that_is_not_understood_spoils_its_set() {
        let good = RData::CAA(CAA::new_issue(false, Some(name("ca.test.")), Vec::new()));
        assert_eq!(understood(std::slice::from_ref(&good)).map(|set| set.len()), Ok(1));
        for set in [vec![RData::Update0(RecordType::CAA)], vec![good, RData::Update0(RecordType::CAA)]] {
            assert_eq!(understood(&set), Err(LookupError::Malformed));
        }
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
