//! When accounts were seen last.

use chancery_actors::ports::{Kind, ObjectId, Revision, Store};

use super::lab::{Lab, account_id, register, run};

#[test]
fn an_account_that_was_seen_is_remembered_here_and_after_a_restart() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let seen = account_id(&register(engine, 1).await);
        let unseen = account_id(&register(engine, 2).await);
        assert_eq!(engine.last_seen(seen).await, Ok(None));
        engine.saw(seen);
        lab.clock.advance(7);
        engine.saw(seen);
        let first = engine.now();
        assert_eq!(engine.last_seen(seen).await, Ok(Some(first)));
        assert!(lab.all(Kind::Sighting).await.is_empty(), "nothing is written on the way of a request");
        started.stop();
        assert_eq!(lab.all(Kind::Sighting).await.len(), 1);

        let started = lab.start().await;
        let engine = &started.engine;
        assert_eq!(engine.last_seen(seen).await, Ok(Some(first)));
        assert_eq!(engine.last_seen(unseen).await, Ok(None));
        lab.clock.advance(3600);
        engine.saw(seen);
        assert_eq!(engine.last_seen(seen).await, Ok(Some(engine.now())));
        started.stop();
        let started = lab.start().await;
        assert_eq!(started.engine.last_seen(seen).await, Ok(Some(started.engine.now())));
        started.stop();
    });
}

#[test]
fn what_another_node_has_written_within_a_minute_is_not_written_again() {
    run(async {
        let lab = Lab::new();
        let [one, two, three] = [lab.start().await, lab.start().await, lab.start().await];
        let seen = account_id(&register(&one.engine, 1).await);
        let object = ObjectId { kind: Kind::Sighting, id: seen.0 };
        for (node, later, revision) in [(one, 0, 1), (two, 59, 1), (three, 1, 2)] {
            lab.clock.advance(later);
            node.engine.saw(seen);
            node.engine.last_seen(seen).await.expect("it is remembered");
            node.stop();
            let stored = lab.store.load(object).await.expect("loads").expect("is there");
            assert_eq!(stored.revision, Revision(revision));
        }
    });
}

#[test]
fn a_store_that_fails_costs_sightings_and_nothing_else() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let seen = account_id(&register(&started.engine, 1).await);
        started.engine.saw(seen);
        lab.store.set_dead(true);
        assert!(started.engine.last_seen(seen).await.is_err());
        started.stop();
        lab.store.set_dead(false);
        assert!(lab.all(Kind::Sighting).await.is_empty());
    });
}
