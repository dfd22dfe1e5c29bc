//! Operators at once, and what is left after a crash.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::json;

use crate::house::{House, deeds, log, names};

#[test]
fn of_two_edits_of_the_same_revision_one_is_done() {
    let house = House::open();
    let admin = house.admin();
    for round in 0..10 {
        let etag = admin.get("/acmeProfiles/default").expect(200).etag().to_owned();
        let edit = |who: &str| {
            let body = json!({"description": format!("{who} {round}")});
            admin.patch("/acmeProfiles/default", &etag, &body).status
        };
        let statuses = thread::scope(|scope| {
            let (ada, bob) = (scope.spawn(|| edit("ada")), scope.spawn(|| edit("bob")));
            BTreeSet::from([ada.join().expect("an answer"), bob.join().expect("an answer")])
        });
        assert_eq!(statuses, BTreeSet::from([200, 412]));
    }
    assert_eq!(deeds(&admin).len(), 10);
}

#[test]
fn fifty_creates_with_one_key_are_one() {
    let house = House::open();
    let admin = house.admin();
    let body = json!({"name": "web", "description": "once"});
    let answers: Vec<_> = thread::scope(|scope| {
        let create = || admin.send("POST", "/acmeProfiles", &[("Idempotency-Key", "the-key")], Some(&body)).expect(201);
        let all: Vec<_> = (0..50).map(|_| scope.spawn(create)).collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    let first = answers.iter().filter(|answer| answer.header("Idempotency-Replayed").is_none()).count();
    assert_eq!(first, 1, "one of them did it");
    assert!(answers.iter().all(|answer| answer.json() == answers[0].json() && answer.etag() == "\"1\""));
    assert_eq!(deeds(&admin), ["create acmeProfile/web"]);
}

#[test]
fn edits_of_different_fields_all_land() {
    const FIELDS: [&str; 9] = [
        "httpPort",
        "tlsPort",
        "identifiersPerOrder",
        "openOrdersPerAccount",
        "ordersPerHour",
        "accountsPerHour",
        "renewingOrdersPerAccount",
        "orderValidity",
        "retryInterval",
    ];
    let house = House::open();
    let admin = house.admin();
    thread::scope(|scope| {
        for field in FIELDS {
            let admin = &admin;
            scope.spawn(move || {
                loop {
                    let etag = admin.get("/acmeProfiles/default").expect(200).etag().to_owned();
                    let answer = admin.patch("/acmeProfiles/default", &etag, &json!({field: 777}));
                    match answer.status {
                        200 => return,
                        412 => {}
                        _ => panic!("{}", answer.said()),
                    }
                }
            });
        }
    });
    let profile = admin.get("/acmeProfiles/default").expect(200).json();
    assert!(FIELDS.iter().all(|field| profile[*field] == 777), "{profile}");
    assert_eq!(deeds(&admin).len(), FIELDS.len());
}

#[test]
fn many_writers_of_different_things_are_all_served() {
    let house = House::open();
    let admin = house.admin();
    thread::scope(|scope| {
        for number in 0..40 {
            let admin = &admin;
            scope.spawn(move || admin.post("/acmeProfiles", &json!({"name": format!("p{number}")})).expect(201));
        }
    });
    assert_eq!(names(&admin.get("/acmeProfiles?limit=1000").expect(200).json()).len(), 41);
    assert_eq!(deeds(&admin).len(), 40);
}

#[test]
fn what_was_answered_survives_a_crash() {
    let mut house = House::open();
    for _ in 0..3 {
        let (answered, count) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
        let prefix = log(&house.admin()).len();
        let writer = house.admin();
        thread::scope(|scope| {
            let (answered, count) = (&answered, &count);
            let writing = scope.spawn(move || {
                for number in 0.. {
                    let name = format!("p{prefix}-{number}");
                    // The crash is in the middle of one of these: it has no answer, and panics here.
                    writer.post("/raProfiles", &json!({"name": name})).expect(201);
                    answered.lock().expect("nobody panics with it").push(name);
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
            while count.load(Ordering::SeqCst) < 20 {
                thread::yield_now();
            }
            house.kill();
            assert!(writing.join().is_err(), "it was cut off");
        });
        house.start();
        let admin = house.admin();
        let kept = admin.get("/raProfiles?limit=1000").expect(200).json();
        let kept: BTreeSet<_> = names(&kept).into_iter().map(str::to_owned).collect();
        let answered = answered.into_inner().expect("nobody panicked with it");
        assert!(answered.iter().all(|name| kept.contains(name)), "{answered:?} in {kept:?}");
        // And the log has an entry for each that is there.
        let created = log(&admin)
            .into_iter()
            .filter(|(_, action, object)| action == "create" && object.starts_with("raProfile/"));
        assert_eq!(created.count(), kept.len());
    }
}

#[test]
fn everything_is_there_again_after_a_restart() {
    let mut house = House::open();
    let admin = house.admin();
    let made =
        admin.post("/acmeProfiles", &json!({"name": "web", "termsOfService": "https://ca.example/1"})).expect(201);
    admin.patch("/acmeProfiles/web", "*", &json!({"termsOfService": "https://ca.example/2"})).expect(200);
    let (before, entries) = (admin.get("/acmeProfiles/web").expect(200), log(&admin));
    assert_eq!(made.etag(), "\"1\"");
    house.stop();
    house.start();
    let admin = house.admin();
    let mut after = admin.get("/acmeProfiles/web").expect(200).json();
    // The port is another one.
    after["directoryUrl"] = before.json()["directoryUrl"].clone();
    assert_eq!(after, before.json());
    assert_eq!(log(&admin), entries, "a start without declared profiles does nothing");
    admin.get("/whoami").expect(200);
}
