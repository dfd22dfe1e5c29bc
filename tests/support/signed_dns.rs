//! A DNS server for tests whose zone is signed: hickory's, with NSEC records and one key, on a loopback port that the system
//! picks. Runs on a thread of its own, and ends when it is dropped.

#![allow(dead_code, reason = "each test target uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::dnssec::crypto::Ed25519SigningKey;
use hickory_proto::dnssec::rdata::DNSKEY;
use hickory_proto::dnssec::{DnssecSigner, PublicKey as _, SigningKey as _};
use hickory_proto::rr::rdata::{A, CAA, CNAME, NS, SOA, TXT};
use hickory_proto::rr::{LowerName, Name, RData, Record};
use hickory_server::Server;
use hickory_server::dnssec::NxProofKind;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::oneshot;

/// The origin of the signed zone.
pub(crate) const ZONE: &str = "signed.test";

/// The serial number of the zone.
const SERIAL: u32 = 1;

/// The running server.
pub(crate) struct SignedDns {
    address: SocketAddr,
    anchor: String,
    stop: Option<oneshot::Sender<()>>,
}

/// What signs a zone.
pub(crate) struct ZoneKey {
    pkcs8: Vec<u8>,
    anchor: String,
}

impl ZoneKey {
    /// One that nobody else has.
    pub(crate) fn new() -> Self {
        let pkcs8 = Ed25519SigningKey::generate_pkcs8().expect("a key is made");
        let mut key = Self { pkcs8: pkcs8.secret_pkcs8_der().to_vec(), anchor: String::new() };
        let public = key.read().to_public_key().expect("it has a public half");
        key.anchor = format!("{ZONE}. DNSKEY 257 3 15 {}", STANDARD.encode(public.public_bytes()));
        key
    }

    /// It as a trust anchor.
    pub(crate) fn anchor(&self) -> &str {
        &self.anchor
    }

    fn read(&self) -> Ed25519SigningKey {
        Ed25519SigningKey::from_pkcs8(&self.pkcs8.clone().into()).expect("the key is read")
    }
}

/// The data of a TXT record of one string.
pub(crate) fn txt(text: &str) -> RData {
    RData::TXT(TXT::new(vec![text.to_owned()]))
}

/// The data of a CNAME record.
pub(crate) fn alias(target: &str) -> RData {
    RData::CNAME(CNAME(name(target)))
}

/// The data of a CAA record that lets this authority issue, or with ";" nobody.
pub(crate) fn issue(authority: &str) -> RData {
    let mut caa = CAA::new_issue(false, None, Vec::new());
    caa.value = authority.as_bytes().to_vec();
    RData::CAA(caa)
}

/// A zone that is not served yet.
pub(crate) struct SignedZone {
    handler: InMemoryZoneHandler,
    anchor: String,
}

impl SignedZone {
    /// With these records, below the origin, signed for this long by a key of its own. `unsigned` is a name that is delegated
    /// without a DS record.
    pub(crate) fn new(records: &[(&str, RData)], unsigned: Option<&str>, lasts: Duration) -> Self {
        Self::signed_by(&ZoneKey::new(), records, unsigned, lasts)
    }

    /// The same, signed by this key.
    pub(crate) fn signed_by(key: &ZoneKey, records: &[(&str, RData)], unsigned: Option<&str>, lasts: Duration) -> Self {
        let origin = name(ZONE);
        let proofs = Some(NxProofKind::Nsec);
        let mut handler = InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny, proofs);
        let ns = name(&format!("ns.{ZONE}"));
        let soa = SOA::new(ns.clone(), name(&format!("operator.{ZONE}")), SERIAL, 60, 60, 60, 60);
        let mut add = |host: &str, data: RData| handler.upsert_mut(Record::from_rdata(name(host), 60, data), SERIAL);
        add(ZONE, RData::SOA(soa));
        add(ZONE, RData::NS(NS(ns.clone())));
        add(&ns.to_ascii(), RData::A(A::new(127, 0, 0, 1)));
        for (host, data) in records {
            add(host, data.clone());
        }
        if let Some(unsigned) = unsigned {
            add(unsigned, RData::NS(NS(ns)));
        }
        let (anchor, key) = (key.anchor().to_owned(), key.read());
        let public = key.to_public_key().expect("it has a public half");
        let signer = DnssecSigner::new(DNSKEY::from_key(&public), Box::new(key), origin, lasts);
        handler.add_zone_signing_key_mut(signer).expect("the key is taken");
        handler.secure_zone_mut().expect("the zone is signed");
        Self { handler, anchor }
    }

    /// Replaces a record after everything was signed, so that its signature is gone.
    pub(crate) fn tamper(&mut self, host: &str, data: RData) {
        let record = Record::from_rdata(name(host), 60, data);
        assert!(self.handler.upsert_mut(record, SERIAL), "{host} is not there");
    }

    /// Serves it.
    pub(crate) fn serve(self) -> SignedDns {
        let Self { handler, anchor } = self;
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let mut catalog = Catalog::new();
                catalog.upsert(LowerName::from(name(ZONE)), vec![Arc::new(handler)]);
                let mut server = Server::new(catalog);
                let (udp, tcp) = sockets().await;
                let address = udp.local_addr().expect("a bound socket has an address");
                server.register_socket(udp);
                server.register_listener(tcp, Duration::from_secs(10), 64);
                tell.send(address).expect("the starter waits");
                // Its sender is dropped with the server.
                let _ = stopped.await;
            });
        });
        SignedDns { address: told.recv().expect("the server starts"), anchor, stop: Some(stop) }
    }
}

impl SignedDns {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key that has signed the zone, as a trust anchor.
    pub(crate) fn anchor(&self) -> &str {
        &self.anchor
    }
}

impl Drop for SignedDns {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

fn name(host: &str) -> Name {
    Name::from_ascii(format!("{}.", host.trim_end_matches('.'))).expect("a domain name")
}

/// A UDP and a TCP socket on the same port.
async fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..64 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free TCP port");
        let port = tcp.local_addr().expect("a bound socket has an address").port();
        if let Ok(udp) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).await {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both UDP and TCP");
}
