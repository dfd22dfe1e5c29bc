//! kill -9 at any moment: what was acknowledged is there and whole, and the store opens again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use chancery_actors::ports::{Body, Kind, ObjectId, Store, Term};
use tempfile::TempDir;

use crate::support::*;

const ROUNDS: u64 = 8;
const DIRECTORY: &str = "CHANCERY_TEST_CRASH_DIRECTORY";

/// Commits numbered pairs of objects for ever, and prints each number once it was acknowledged. Run by the test below,
/// which kills it.
#[test]
#[ignore = "the child process of the test below"]
fn commit_until_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let store = chancery::store::RedbStore::open(directory.as_ref(), 1 << 20).expect("opens");
    let first = wait(scanned(&store, Kind::Order)).len() as u64;
    let mut output = std::io::stdout().lock();
    for base in (first..).step_by(3) {
        // Batches of three commits, each of them an order and an account, and an object that every commit changes.
        let counter = wait(loaded(&store, object(Kind::Crl, 0))).map_or(0, |(revision, _)| revision);
        let batch = (base..base + 3).zip(counter..).map(|(number, counter)| {
            let snapshot = snapshot(number);
            commit([
                write(order(number), 0, Body { owes: true, terms: vec![name(number)], ..plain(snapshot.clone()) }),
                write(account(number), 0, Body { unique: vec![name(number)], ..plain(snapshot) }),
                write(object(Kind::Crl, 0), counter, plain("counts")),
            ])
        });
        let answers = wait(store.commit(batch.collect()));
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        for number in base..base + 3 {
            writeln!(output, "done {number}").expect("the parent reads");
        }
        output.flush().expect("the parent reads");
    }
}

#[test]
fn after_a_kill_every_acknowledged_commit_is_there_and_whole() {
    let directory = TempDir::new().expect("a temporary directory");
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "crash::commit_until_killed", "--ignored", "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, receiver) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let numbers = output.lines().map_while(Result::ok);
            // libtest writes the test's name into the first line.
            let numbers = numbers.filter_map(|line| line.rsplit_once("done ")?.1.parse::<u64>().ok());
            numbers.for_each(|number| sender.send(number).expect("the test waits for it"));
        });
        // The first answer of the round, then a moment that differs from round to round.
        acknowledged = receiver.recv().expect("commits something") + 1;
        std::thread::sleep(Duration::from_micros(round * round * 1_700 + 311));
        child.kill().expect("SIGKILL");
        child.wait().expect("dies");
        reader.join().expect("reads to the end");
        acknowledged = receiver.iter().last().map_or(acknowledged, |last| last + 1);
        let store = open(&directory);
        wait(whole(&store, acknowledged));
    }
    assert!(acknowledged >= 3 * ROUNDS, "each round went on where the last one died");
}

/// Everything that was acknowledged is there, and what more there is came by whole batches.
async fn whole(store: &dyn Store, acknowledged: u64) {
    let orders = scanned(store, Kind::Order).await;
    let there = orders.len() as u64;
    assert!(there >= acknowledged, "{acknowledged} were acknowledged, {there} are there");
    assert!(there <= acknowledged + 3, "one batch at most was under way");
    assert_eq!(there % 3, 0, "a batch is one transaction");
    let numbered = |kind| (0..there).map(move |number| object(kind, number)).collect::<Vec<ObjectId>>();
    assert_eq!(orders, numbered(Kind::Order));
    assert_eq!(scanned(store, Kind::Account).await, numbered(Kind::Account));
    assert_eq!(indebted(store).await, numbered(Kind::Order));
    assert_eq!(loaded(store, object(Kind::Crl, 0)).await.map(|(revision, _)| revision), Some(there));
    let mut wrong = BTreeMap::new();
    for number in 0..there {
        let expected = Some((1, snapshot(number)));
        let same = loaded(store, order(number)).await == expected
            && loaded(store, account(number)).await == expected
            && store.list(&name(number), None, 2).await == Ok(vec![order(number)])
            && store.find(&name(number)).await == Ok(Some(account(number)));
        wrong.extend((!same).then_some((number, "differs")));
    }
    assert_eq!(wrong, BTreeMap::new());
}

fn snapshot(number: u64) -> Vec<u8> {
    number.to_be_bytes().repeat(75)
}

fn name(number: u64) -> Term {
    Term::new(format!("number {number}")).expect("short")
}
