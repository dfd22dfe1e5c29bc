//! A DNS server for tests: UDP and TCP on a loopback port that the system picks, with records that change while it
//! runs, and with every kind of trouble on demand. Runs on threads of its own, so any test can start one.

#![allow(dead_code, reason = "each test target uses a part of it")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::{CAA, CNAME, NULL, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// The running server; it ends when this is dropped.
pub(crate) struct DnsServer {
    address: SocketAddr,
    zone: Zone,
    stop: Arc<AtomicBool>,
}

impl DnsServer {
    /// Starts a server that knows no name yet.
    pub(crate) fn start() -> Self {
        let (udp, tcp) = sockets();
        let address = udp.local_addr().expect("a bound socket has an address");
        let zone = Zone::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (zone_udp, stop_udp) = (zone.clone(), Arc::clone(&stop));
        thread::spawn(move || serve_udp(&udp, &zone_udp, &stop_udp));
        let (zone_tcp, stop_tcp) = (zone.clone(), Arc::clone(&stop));
        thread::spawn(move || serve_tcp(&tcp, &zone_tcp, &stop_tcp));
        Self { address, zone, stop }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its records, to be changed at any time.
    pub(crate) fn zone(&self) -> Zone {
        self.zone.clone()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes both threads; each then sees that it is to end.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            let _ = socket.send_to(&[], self.address);
        }
        let _ = TcpStream::connect(self.address);
    }
}

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// What goes wrong with every question for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// SERVFAIL.
    ServFail,
    /// SERVFAIL with these extended errors (RFC 8914); of DNSSEC bogus (6) with a text.
    Extended(&'static [u16]),
    /// SERVFAIL with extended error 6, and every second question of a type is lost.
    Lossy,
    /// REFUSED.
    Refused,
    /// No answer ever.
    Silence,
    /// Over UDP only the bit that says "truncated"; over TCP the whole answer.
    Truncation,
    /// The CNAME alone, although what it leads to is known here too.
    LoneAlias,
    /// There is no CAA record, says the unsigned zone of this name; other types are asked for elsewhere.
    NoCaa(&'static str),
    /// The CAA records are those that a wildcard gives another name beside it, and what stands beside them is of the unsigned
    /// zone of this name; other types are asked for elsewhere.
    Spliced(&'static str),
}

/// A question that came: the name in small letters with its root dot, the type, and how it came.
pub(crate) type Question = (String, RecordType, Transport);

/// The records of a server. Clones are the same zone.
#[derive(Clone, Default)]
pub(crate) struct Zone(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    records: BTreeMap<String, Vec<RData>>,
    troubles: BTreeMap<String, Trouble>,
    defaults: Vec<IpAddr>,
    questions: Vec<Question>,
    capitals: bool,
    upstream: Option<SocketAddr>,
    delegated: Vec<(String, SocketAddr)>,
}

impl Zone {
    /// Adds a TXT record of one value, cut into strings of at most 255 octets.
    pub(crate) fn add_txt(&self, host: &str, value: &str) {
        let strings = value.as_bytes().chunks(255).collect::<Vec<_>>();
        self.add(host, RData::TXT(TXT::from_bytes(if strings.is_empty() { vec![b"".as_slice()] } else { strings })));
    }

    /// Adds one TXT record of these strings.
    pub(crate) fn add_txt_strings(&self, host: &str, strings: &[&str]) {
        self.add(host, RData::TXT(TXT::from_bytes(strings.iter().map(|string| string.as_bytes()).collect())));
    }

    /// Adds a CAA record.
    pub(crate) fn add_caa(&self, host: &str, flags: u8, tag: &str, value: &str) {
        let mut caa = CAA::new_issue(flags & 0x80 != 0, None, Vec::new());
        caa.reserved_flags = flags & 0x7f;
        caa.tag = tag.to_owned();
        caa.value = value.as_bytes().to_vec();
        self.add(host, RData::CAA(caa));
    }

    /// Adds a CAA record of no octets: neither flags nor a tag.
    pub(crate) fn add_empty_caa(&self, host: &str) {
        self.add(host, RData::Update0(RecordType::CAA));
    }

    /// Adds a CAA record whose tag has no letters (RFC 8659 section 4.1).
    pub(crate) fn add_tagless_caa(&self, host: &str) {
        self.add(host, RData::Unknown { code: RecordType::CAA, rdata: NULL::with(vec![0, 0]) });
    }

    /// Removes the TXT record with this value, and leaves the others.
    pub(crate) fn remove_txt(&self, host: &str, value: &str) {
        self.retain(host, |data| !matches!(data, RData::TXT(text) if text.txt_data.concat() == value.as_bytes()));
    }

    /// Removes all TXT records.
    pub(crate) fn clear_txt(&self, host: &str) {
        self.clear(host, RecordType::TXT);
    }

    /// Adds an A or AAAA record.
    pub(crate) fn add_address(&self, host: &str, address: IpAddr) {
        self.add(host, RData::from(address));
    }

    /// Makes the name an alias.
    pub(crate) fn set_cname(&self, host: &str, target: &str) {
        self.clear(host, RecordType::CNAME);
        self.add(host, RData::CNAME(CNAME(absolute(target))));
    }

    /// Removes the records of this type.
    pub(crate) fn clear(&self, host: &str, kind: RecordType) {
        self.retain(host, |data| data.record_type() != kind);
    }

    /// The A or AAAA record (which, `kind` says) of every name that has none and is no alias.
    pub(crate) fn set_default_address(&self, kind: RecordType, address: Option<IpAddr>) {
        let mut contents = self.contents();
        contents.defaults.retain(|&old| RData::from(old).record_type() != kind);
        contents.defaults.extend(address);
    }

    /// What goes wrong from now on; `None` for nothing.
    pub(crate) fn set_trouble(&self, host: &str, trouble: Option<Trouble>) {
        let mut contents = self.contents();
        match trouble {
            Some(trouble) => contents.troubles.insert(key(host), trouble),
            None => contents.troubles.remove(&key(host)),
        };
    }

    /// Who is asked for every name that has no record here; nobody at first. The answer is passed on as it comes.
    pub(crate) fn set_upstream(&self, upstream: Option<SocketAddr>) {
        self.contents().upstream = upstream;
    }

    /// Who is asked for every name at or below this one that has no record here.
    pub(crate) fn delegate(&self, zone: &str, server: SocketAddr) {
        self.contents().delegated.push((key(zone), server));
    }

    /// Every question so far, in order.
    pub(crate) fn questions(&self) -> Vec<Question> {
        self.contents().questions.clone()
    }

    /// Whether any question so far had a capital letter: that of a client which randomizes case.
    pub(crate) fn capitals(&self) -> bool {
        self.contents().capitals
    }

    fn add(&self, host: &str, data: RData) {
        self.contents().records.entry(key(host)).or_default().push(data);
    }

    fn retain(&self, host: &str, keep: impl Fn(&RData) -> bool) {
        let mut contents = self.contents();
        if let Some(records) = contents.records.get_mut(&key(host)) {
            records.retain(keep);
            if records.is_empty() {
                contents.records.remove(&key(host));
            }
        }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes of the response, if there is one.
    fn answer(&self, bytes: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let request = Message::from_vec(bytes).ok()?;
        let query = request.queries.first()?;
        let (host, kind) = (key(&query.name().to_ascii()), query.query_type());
        let mut contents = self.contents();
        contents.capitals |= query.name().to_ascii().bytes().any(|byte| byte.is_ascii_uppercase());
        contents.questions.push((host.clone(), kind, transport));
        let same = |asked: &&Question| asked.0 == host && asked.1 == kind;
        let lost = contents.questions.iter().filter(same).count() % 2 == 0;

        let mut response = Message::response(request.metadata.id, OpCode::Query);
        response.metadata.recursion_desired = request.metadata.recursion_desired;
        response.metadata.recursion_available = true;
        response.add_query(query.clone());
        let trouble = contents.troubles.get(&host).copied();
        let of_caa = |trouble: &Trouble| matches!(trouble, Trouble::NoCaa(_) | Trouble::Spliced(_));
        let trouble = trouble.filter(|trouble| kind == RecordType::CAA || !of_caa(trouble));
        let known = contents.records.contains_key(&host) || trouble.as_ref().is_some_and(of_caa);
        let below = |(zone, _): &&(String, SocketAddr)| host == *zone || host.ends_with(&format!(".{zone}"));
        let delegated = contents.delegated.iter().rfind(below).map(|(_, server)| *server);
        if let Some(upstream) = delegated.or(contents.upstream).filter(|_| !known) {
            return forwarded(bytes, upstream);
        }
        match trouble {
            Some(Trouble::Silence) => return None,
            Some(Trouble::ServFail) => response.metadata.response_code = ResponseCode::ServFail,
            Some(Trouble::Lossy) if lost => return None,
            Some(Trouble::Extended(_) | Trouble::Lossy) => {
                let errors = if let Some(Trouble::Extended(errors)) = trouble { errors } else { &[6] };
                response.metadata.response_code = ResponseCode::ServFail;
                let mut edns = Edns::new();
                for error in errors {
                    let text: &[u8] = if *error == 6 { b"no DS for this key" } else { b"" };
                    edns.options_mut().insert(EdnsOption::Unknown(15, [&error.to_be_bytes(), text].concat()));
                }
                response.set_edns(edns);
            }
            Some(Trouble::NoCaa(zone)) => {
                let soa = SOA::new(absolute(zone), absolute(zone), 1, 60, 60, 60, 60);
                response.add_authority(Record::from_rdata(absolute(zone), 60, RData::SOA(soa)));
            }
            Some(Trouble::Spliced(zone)) => {
                let mut beside = Message::from_vec(bytes).ok()?;
                beside.queries = vec![Query::query(query.name().base_name().prepend_label("nowhere").ok()?, kind)];
                let found = forwarded(&beside.to_vec().ok()?, contents.upstream?)?;
                let named = |mut record: Record| {
                    record.name = query.name().clone();
                    record
                };
                response.add_answers(Message::from_vec(&found).ok()?.answers.into_iter().map(named));
                let soa = SOA::new(absolute(zone), absolute(zone), 1, 60, 60, 60, 60);
                response.add_authority(Record::from_rdata(absolute(zone), 60, RData::SOA(soa)));
            }
            Some(Trouble::Refused) => response.metadata.response_code = ResponseCode::Refused,
            Some(Trouble::Truncation) if transport == Transport::Udp => response.metadata.truncation = true,
            Some(Trouble::Truncation | Trouble::LoneAlias) | None => {
                let chase = trouble != Some(Trouble::LoneAlias);
                response.metadata.response_code = contents.fill(&mut response, query.name(), kind, chase);
            }
        }
        let bytes = response.to_vec().ok()?;
        if transport == Transport::Udp && bytes.len() > usize::from(request.max_payload()) {
            return response.truncate().to_vec().ok();
        }
        Some(bytes)
    }
}

impl Contents {
    fn fill(&self, response: &mut Message, name: &Name, kind: RecordType, chase: bool) -> ResponseCode {
        let mut owner = name.clone();
        // Longer chains and loops are answered as far as this goes.
        for _ in 0..32 {
            let host = key(&owner.to_ascii());
            let records = self.records.get(&host).map(Vec::as_slice).unwrap_or_default();
            let mut found = records.iter().filter(|data| data.record_type() == kind).cloned().collect::<Vec<_>>();
            let alias = records.iter().find_map(|data| {
                let RData::CNAME(target) = data else { return None };
                Some(target.0.clone())
            });
            if found.is_empty() && alias.is_none() {
                found.extend(self.defaults.iter().map(|&ip| RData::from(ip)).filter(|data| data.record_type() == kind));
            }
            let target = if found.is_empty() { alias } else { None };
            found.extend(target.clone().map(|target| RData::CNAME(CNAME(target))));
            let nothing = found.is_empty();
            response.add_answers(found.into_iter().map(|data| Record::from_rdata(owner.clone(), 1, data)));
            match target {
                Some(target) if chase => owner = target,
                Some(_) => return ResponseCode::NoError,
                None if nothing && !self.exists(&host) => return ResponseCode::NXDomain,
                None => return ResponseCode::NoError,
            }
        }
        ResponseCode::NoError
    }

    /// Whether there is any record at or below the name.
    fn exists(&self, host: &str) -> bool {
        let below = format!(".{host}");
        !self.defaults.is_empty() || self.records.keys().any(|known| known == host || known.ends_with(&below))
    }
}

/// What another server answers.
fn forwarded(request: &[u8], upstream: SocketAddr) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    socket.send_to(request, upstream).ok()?;
    let mut buffer = vec![0; 65_535];
    let length = socket.recv(&mut buffer).ok()?;
    buffer.truncate(length);
    Some(buffer)
}

fn key(host: &str) -> String {
    let mut host = host.to_ascii_lowercase();
    if !host.ends_with('.') {
        host.push('.');
    }
    host
}

fn absolute(host: &str) -> Name {
    Name::from_ascii(key(host)).expect("a domain name")
}

/// A UDP and a TCP socket on the same port.
fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..64 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free TCP port");
        let port = tcp.local_addr().expect("a bound socket has an address").port();
        if let Ok(udp) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

fn serve_udp(socket: &UdpSocket, zone: &Zone, stop: &AtomicBool) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        if let Some(response) = zone.answer(&buffer[..length], Transport::Udp) {
            let _ = socket.send_to(&response, from);
        }
    }
}

fn serve_tcp(listener: &TcpListener, zone: &Zone, stop: &AtomicBool) {
    while let Ok((stream, _)) = listener.accept() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let zone = zone.clone();
        thread::spawn(move || serve_stream(stream, &zone));
    }
}

/// Messages with two octets of length before each (RFC 1035 section 4.2.2).
fn serve_stream(mut stream: TcpStream, zone: &Zone) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut request = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut request).is_err() {
            return;
        }
        let Some(response) = zone.answer(&request, Transport::Tcp) else { continue };
        let Ok(length) = u16::try_from(response.len()) else { return };
        if stream.write_all(&[&length.to_be_bytes()[..], &response].concat()).is_err() {
            return;
        }
    }
}
