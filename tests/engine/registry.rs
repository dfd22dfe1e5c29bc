//! The profile registry.

use std::sync::Arc;

use chancery_machine::id::OrderId;
use chancery_machine::profile::{ProfileRevision, Seconds};

use super::lab::{Lab, declare, name, pair, place, profiles, register, run};

#[test]
fn a_revision_grows_with_a_change_and_only_then_and_an_order_keeps_its_own() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let revisions = || (pair(engine).acme.revision, pair(engine).ra.revision);
        let first = ProfileRevision(1);
        assert_eq!(revisions(), (first, first));
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.example.org"]).await;

        declare(engine, profiles()).await;
        assert_eq!(revisions(), (first, first), "nothing changed");

        let mut changed = profiles();
        Arc::make_mut(changed.acme.get_mut(&name("default")).expect("there")).order_validity = Seconds(60);
        declare(engine, changed).await;
        assert_eq!(revisions(), (ProfileRevision(2), first));

        let later = place(engine, &account, &["b.example.org"]).await;
        let kept = engine.order(OrderId(order.id)).await.expect("stands");
        assert_eq!(kept.state.terms.acme_profile.revision, first);
        assert_eq!(later.state.terms.acme_profile.revision, ProfileRevision(2));
        assert_eq!(later.state.terms.expires.since(engine.now()).as_secs(), 60);

        declare(engine, profiles()).await;
        assert_eq!(revisions(), (ProfileRevision(3), first), "back is a change as well");
        started.stop();
    });
}
