//! The rules, one test each.

use chancery_actors::ports::{
    Body, Commit, CommitError, Direction, Found, Kind, ObjectId, Range, Revision, StoreError, Term,
};
use chancery_machine::id::Id;
use chancery_machine::time::Timestamp;

use crate::support::*;

fn conflict(object: ObjectId) -> Result<(), CommitError> {
    Err(CommitError::Conflict(object))
}

fn taken(text: &str, holder: ObjectId) -> Result<(), CommitError> {
    Err(CommitError::Taken { term: term(text), holder })
}

// Revisions
rules! {
    async fn an_empty_store_knows_nothing(store) {
        assert_eq!(loaded(&*store, order(1)).await, None);
        assert_eq!(found(&*store, "a").await, None);
        assert_eq!(listed(&*store, "a").await, []);
        assert_eq!(indebted(&*store).await, []);
        assert_eq!(due(&*store, u64::MAX).await, []);
        for &kind in Kind::ALL {
            assert_eq!(scanned(&*store, kind).await, []);
            assert_eq!(whole(&*store, &Range::Kind(kind)).await, []);
        }
        assert_eq!(whole(&*store, &between("", "")).await, []);
    }

    async fn the_first_commit_makes_revision_1_and_each_further_one_the_next(store) {
        for revision in 0..5 {
            done(&*store, [write(order(1), revision, plain(revision.to_string()))]).await;
            assert_eq!(loaded(&*store, order(1)).await, Some((revision + 1, revision.to_string().into_bytes())));
        }
    }

    async fn a_write_that_expects_another_revision_is_a_conflict_and_changes_nothing(store) {
        let body = Body { owes: true, terms: terms(&["a"]), unique: terms(&["u"]), ..forgotten_at(5) };
        assert_eq!(alone(&*store, [write(order(1), 1, body.clone())]).await, conflict(order(1)));
        assert_eq!(alone(&*store, [removal(order(1), 1)]).await, conflict(order(1)));
        assert_eq!(loaded(&*store, order(1)).await, None);
        done(&*store, [write(order(1), 0, body.clone())]).await;
        done(&*store, [write(order(1), 1, body)]).await;
        for expected in [0, 1, 3, u64::MAX] {
            assert_eq!(alone(&*store, [write(order(1), expected, plain("no"))]).await, conflict(order(1)));
            assert_eq!(alone(&*store, [removal(order(1), expected)]).await, conflict(order(1)));
        }
        assert_eq!(loaded(&*store, order(1)).await, Some((2, b"forgettable".to_vec())));
        assert_eq!(listed(&*store, "a").await, [order(1)]);
        assert_eq!(found(&*store, "u").await, Some(order(1)));
        assert_eq!(indebted(&*store).await, [order(1)]);
        assert_eq!(due(&*store, 5).await, [(order(1), 2)]);
    }

    async fn the_same_id_under_another_kind_is_another_object(store) {
        done(&*store, [write(order(1), 0, plain("order")), write(account(1), 0, plain("account"))]).await;
        done(&*store, [write(order(1), 1, plain("order again"))]).await;
        assert_eq!(loaded(&*store, account(1)).await, Some((1, b"account".to_vec())));
    }

    async fn a_removed_object_vanishes_from_every_index(store) {
        let body = Body { owes: true, terms: terms(&["a", "b"]), unique: terms(&["u", "v"]), ..forgotten_at(5) };
        done(&*store, [write(order(1), 0, body.clone()), write(order(2), 0, found_by(&["a"]))]).await;
        done(&*store, [removal(order(1), 1)]).await;
        assert_eq!(loaded(&*store, order(1)).await, None);
        assert_eq!(listed(&*store, "a").await, [order(2)]);
        assert_eq!(listed(&*store, "b").await, []);
        assert_eq!(found(&*store, "u").await, None);
        assert_eq!(found(&*store, "v").await, None);
        assert_eq!(indebted(&*store).await, []);
        assert_eq!(due(&*store, 5).await, []);
        assert_eq!(scanned(&*store, Kind::Order).await, [order(2)]);
    }

    async fn a_removed_object_can_be_made_again_at_revision_1(store) {
        done(&*store, [write(order(1), 0, found_by(&["old"]))]).await;
        done(&*store, [write(order(1), 1, found_by(&["old"]))]).await;
        done(&*store, [removal(order(1), 2)]).await;
        assert_eq!(alone(&*store, [write(order(1), 2, plain("no"))]).await, conflict(order(1)));
        done(&*store, [write(order(1), 0, found_by(&["new"]))]).await;
        assert_eq!(loaded(&*store, order(1)).await, Some((1, b"found by terms".to_vec())));
        assert_eq!(listed(&*store, "old").await, []);
        assert_eq!(listed(&*store, "new").await, [order(1)]);
    }

    async fn removing_what_is_absent_is_done(store) {
        done(&*store, [removal(order(1), 0)]).await;
        assert_eq!(loaded(&*store, order(1)).await, None);
    }
}

// Commits
rules! {
    async fn a_commit_is_done_whole_or_not_at_all(store) {
        done(&*store, [write(order(2), 0, plain("there"))]).await;
        let writes = |second| [
            write(order(1), 0, Body { owes: true, unique: terms(&["u"]), ..found_by(&["a"]) }),
            write(order(2), second, plain("changed")),
            write(order(3), 0, forgotten_at(1)),
        ];
        assert_eq!(alone(&*store, writes(0)).await, conflict(order(2)));
        assert_eq!(scanned(&*store, Kind::Order).await, [order(2)]);
        assert_eq!(loaded(&*store, order(2)).await, Some((1, b"there".to_vec())));
        assert_eq!(listed(&*store, "a").await, []);
        assert_eq!(found(&*store, "u").await, None);
        assert_eq!(indebted(&*store).await, []);
        assert_eq!(due(&*store, 1).await, []);
        done(&*store, writes(1)).await;
        assert_eq!(scanned(&*store, Kind::Order).await, [order(1), order(2), order(3)]);
        assert_eq!(loaded(&*store, order(2)).await, Some((2, b"changed".to_vec())));
    }

    async fn guards_must_hold_and_change_nothing(store) {
        done(&*store, [write(account(1), 0, plain("account"))]).await;
        let guarded = |guards: &[(ObjectId, Revision)], number| {
            vec![Commit { guards: guards.to_vec(), writes: vec![write(order(number), 0, plain("order"))] }]
        };
        let there = (account(1), Revision(1));
        let absent = (account(2), Revision::ABSENT);
        assert_eq!(store.commit(guarded(&[there, absent], 1)).await, [Ok(())]);
        assert_eq!(loaded(&*store, account(1)).await, Some((1, b"account".to_vec())));
        assert_eq!(loaded(&*store, account(2)).await, None);
        for wrong in [(account(1), Revision(2)), (account(1), Revision::ABSENT), (account(2), Revision(1))] {
            assert_eq!(store.commit(guarded(&[there, wrong, absent], 2)).await, [conflict(wrong.0)]);
        }
        assert_eq!(scanned(&*store, Kind::Order).await, [order(1)]);
    }

    async fn guards_alone_are_answered_too(store) {
        let guards = |revision| vec![Commit { guards: vec![(order(1), Revision(revision))], writes: Vec::new() }];
        assert_eq!(store.commit(guards(0)).await, [Ok(())]);
        assert_eq!(store.commit(guards(1)).await, [conflict(order(1))]);
        assert_eq!(store.commit(vec![Commit::default()]).await, [Ok(())]);
    }

    async fn an_object_that_stands_twice_in_a_commit_conflicts_with_itself(store) {
        let twice = [write(order(1), 0, plain("one")), write(order(1), 0, plain("two"))];
        assert_eq!(alone(&*store, twice).await, conflict(order(1)));
        assert_eq!(loaded(&*store, order(1)).await, None);
    }

    async fn an_empty_batch_has_no_answers(store) {
        assert_eq!(store.commit(Vec::new()).await, []);
    }

    async fn every_commit_of_a_batch_is_answered_in_its_place(store) {
        let batch = vec![
            commit([write(order(1), 0, plain("1"))]),
            commit([write(order(2), 7, plain("no"))]),
            commit([write(order(3), 0, alone_with(&["u"]))]),
            commit([write(order(4), 0, alone_with(&["u"]))]),
            commit([write(order(5), 0, plain("5"))]),
        ];
        let expected = [Ok(()), conflict(order(2)), Ok(()), taken("u", order(3)), Ok(())];
        assert_eq!(store.commit(batch).await, expected);
        assert_eq!(scanned(&*store, Kind::Order).await, [order(1), order(3), order(5)]);
    }

    async fn a_batch_of_refusals_changes_nothing(store) {
        done(&*store, [write(order(1), 0, found_by(&["a"]))]).await;
        let refused = || commit([write(order(1), 0, found_by(&["b"]))]);
        assert_eq!(store.commit(vec![refused(), refused()]).await, [conflict(order(1)), conflict(order(1))]);
        assert_eq!(loaded(&*store, order(1)).await, Some((1, b"found by terms".to_vec())));
        assert_eq!(listed(&*store, "b").await, []);
    }

    async fn a_later_commit_of_a_batch_sees_what_an_earlier_one_did(store) {
        let batch = vec![
            commit([write(order(1), 0, alone_with(&["u"]))]),
            commit([write(order(1), 1, alone_with(&["v"]))]),
            commit([write(order(2), 0, alone_with(&["u"]))]),
            commit([write(order(1), 1, plain("too late"))]),
            Commit { guards: vec![(order(1), Revision(2))], writes: vec![removal(order(2), 1)] },
            commit([write(order(3), 0, alone_with(&["u"]))]),
        ];
        assert_eq!(store.commit(batch).await, [Ok(()), Ok(()), Ok(()), conflict(order(1)), Ok(()), Ok(())]);
        assert_eq!(found(&*store, "u").await, Some(order(3)));
        assert_eq!(found(&*store, "v").await, Some(order(1)));
        assert_eq!(loaded(&*store, order(2)).await, None);
    }

    async fn large_and_empty_snapshots_come_back_as_they_were(store) {
        let large: Vec<u8> = (0..1 << 20).map(|place: u32| place.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        done(&*store, [write(order(1), 0, plain(large.clone())), write(order(2), 0, plain(""))]).await;
        assert_eq!(loaded(&*store, order(1)).await, Some((1, large.clone())));
        assert_eq!(loaded(&*store, order(2)).await, Some((1, Vec::new())));
        done(&*store, [write(order(1), 1, plain("")), write(order(2), 1, plain(large.clone()))]).await;
        assert_eq!(loaded(&*store, order(1)).await, Some((2, Vec::new())));
        assert_eq!(loaded(&*store, order(2)).await, Some((2, large)));
    }
}

// Unique terms
rules! {
    async fn a_unique_term_leads_to_its_only_holder(store) {
        done(&*store, [write(order(1), 0, alone_with(&["u", "v"])), write(order(2), 0, alone_with(&["w"]))]).await;
        assert_eq!(found(&*store, "u").await, Some(order(1)));
        assert_eq!(found(&*store, "v").await, Some(order(1)));
        assert_eq!(found(&*store, "w").await, Some(order(2)));
        assert_eq!(found(&*store, "x").await, None);
    }

    async fn a_taken_unique_term_refuses_the_whole_commit_and_names_its_holder(store) {
        done(&*store, [write(order(1), 0, alone_with(&["u"]))]).await;
        let writes = [write(account(1), 0, plain("no")), write(order(2), 0, alone_with(&["free", "u"]))];
        assert_eq!(alone(&*store, writes).await, taken("u", order(1)));
        assert_eq!(loaded(&*store, account(1)).await, None);
        assert_eq!(loaded(&*store, order(2)).await, None);
        assert_eq!(found(&*store, "free").await, None);
        assert_eq!(found(&*store, "u").await, Some(order(1)));
    }

    async fn an_object_keeps_its_own_unique_terms(store) {
        done(&*store, [write(order(1), 0, alone_with(&["u", "v"]))]).await;
        done(&*store, [write(order(1), 1, alone_with(&["v", "w"]))]).await;
        assert_eq!(found(&*store, "u").await, None);
        assert_eq!(found(&*store, "v").await, Some(order(1)));
        assert_eq!(found(&*store, "w").await, Some(order(1)));
    }

    async fn a_unique_term_that_was_given_up_is_free(store) {
        done(&*store, [write(order(1), 0, alone_with(&["u", "v"]))]).await;
        done(&*store, [write(order(1), 1, plain("gives up"))]).await;
        done(&*store, [write(order(2), 0, alone_with(&["u"]))]).await;
        done(&*store, [removal(order(2), 1)]).await;
        done(&*store, [write(order(3), 0, alone_with(&["u"]))]).await;
        assert_eq!(found(&*store, "u").await, Some(order(3)));
    }

    async fn a_unique_term_changes_hands_within_a_commit_in_any_order(store) {
        done(&*store, [write(order(1), 0, alone_with(&["u"]))]).await;
        done(&*store, [write(order(1), 1, plain("gives up")), write(order(2), 0, alone_with(&["u"]))]).await;
        assert_eq!(found(&*store, "u").await, Some(order(2)));
        done(&*store, [write(order(1), 2, alone_with(&["u"])), write(order(2), 1, plain("gives up"))]).await;
        assert_eq!(found(&*store, "u").await, Some(order(1)));
        done(&*store, [write(order(2), 2, alone_with(&["u"])), removal(order(1), 3)]).await;
        assert_eq!(found(&*store, "u").await, Some(order(2)));
        done(&*store, [removal(order(2), 3), write(order(1), 0, alone_with(&["u"]))]).await;
        assert_eq!(found(&*store, "u").await, Some(order(1)));
    }

    async fn two_objects_swap_their_unique_terms(store) {
        done(&*store, [write(order(1), 0, alone_with(&["u"])), write(order(2), 0, alone_with(&["v"]))]).await;
        done(&*store, [write(order(1), 1, alone_with(&["v"])), write(order(2), 1, alone_with(&["u"]))]).await;
        assert_eq!(found(&*store, "u").await, Some(order(2)));
        assert_eq!(found(&*store, "v").await, Some(order(1)));
        done(&*store, [removal(order(1), 2)]).await;
        assert_eq!(found(&*store, "u").await, Some(order(2)));
        assert_eq!(found(&*store, "v").await, None);
    }

    async fn two_objects_of_a_commit_cannot_claim_the_same_unique_term(store) {
        let both = [write(order(1), 0, alone_with(&["u"])), write(order(2), 0, alone_with(&["u"]))];
        assert_eq!(alone(&*store, both).await, taken("u", order(1)));
        assert_eq!(found(&*store, "u").await, None);
    }

    async fn a_holder_that_writes_but_keeps_its_unique_term_has_it_still(store) {
        done(&*store, [write(order(1), 0, alone_with(&["u"]))]).await;
        let both = [write(order(2), 0, alone_with(&["u"])), write(order(1), 1, alone_with(&["u"]))];
        assert_eq!(alone(&*store, both).await, taken("u", order(1)));
    }

    async fn a_unique_term_is_not_found_by_what_it_begins_with(store) {
        done(&*store, [write(order(1), 0, alone_with(&["ab"]))]).await;
        done(&*store, [write(order(2), 0, alone_with(&["abc"])), write(order(3), 0, alone_with(&[""]))]).await;
        assert_eq!(found(&*store, "a").await, None);
        assert_eq!(found(&*store, "ab").await, Some(order(1)));
        assert_eq!(found(&*store, "abc").await, Some(order(2)));
        assert_eq!(found(&*store, "").await, Some(order(3)));
    }

    async fn unique_terms_and_terms_do_not_meet(store) {
        done(&*store, [write(order(1), 0, alone_with(&["a"])), write(order(2), 0, found_by(&["a"]))]).await;
        assert_eq!(found(&*store, "a").await, Some(order(1)));
        assert_eq!(listed(&*store, "a").await, [order(2)]);
    }
}

// Terms
rules! {
    async fn the_terms_of_a_revision_replace_those_before(store) {
        done(&*store, [write(order(1), 0, found_by(&["a", "b", "b"]))]).await;
        assert_eq!(listed(&*store, "b").await, [order(1)]);
        done(&*store, [write(order(1), 1, found_by(&["b", "c"]))]).await;
        assert_eq!(listed(&*store, "a").await, []);
        assert_eq!(listed(&*store, "b").await, [order(1)]);
        assert_eq!(listed(&*store, "c").await, [order(1)]);
        done(&*store, [write(order(1), 2, plain("none"))]).await;
        assert_eq!(listed(&*store, "b").await, []);
        assert_eq!(listed(&*store, "c").await, []);
    }

    async fn no_term_is_found_by_another_that_it_begins_with(store) {
        let awkward: Vec<Term> = [&b""[..], b"a", b"ab", b"a\0", b"a\xff", b"\x01", b"\x01a", b"\x02ab", &[0xff; 128], &[0xff; 127]]
            .map(|bytes| Term::new(bytes).expect("short")).into();
        for (number, term) in (0..).zip(&awkward) {
            done(&*store, [write(order(number), 0, Body { terms: vec![term.clone()], ..plain("x") })]).await;
        }
        // An object whose id looks like more of a term.
        let odd = ObjectId { kind: Kind::Order, id: Id::from_bytes([b'b'; 16]) };
        done(&*store, [write(odd, 0, found_by(&["a"]))]).await;
        for (number, term) in (0..).zip(&awkward) {
            let mut expected = vec![order(number)];
            expected.extend((term.0 == b"a").then_some(odd));
            assert_eq!(store.list(term, None, 99).await, Ok(expected), "{term:?}");
        }
    }

    async fn terms_have_128_bytes_at_most(store) {
        assert_eq!(Term::new(vec![b'a'; 129]), None);
        let longest = Term::new(vec![b'a'; 128]).expect("just fits");
        let both = |term: &Term| Body { terms: vec![term.clone()], unique: vec![term.clone()], ..plain("x") };
        done(&*store, [write(order(1), 0, both(&longest))]).await;
        assert_eq!(store.list(&longest, None, 9).await, Ok(vec![order(1)]));
        assert_eq!(store.find(&longest).await, Ok(Some(order(1))));
        for length in [129, 255, 256, 300] {
            let long = Term(vec![b'a'; length]);
            for body in [Body { terms: vec![long.clone()], ..plain("x") }, Body { unique: vec![long.clone()], ..plain("x") }] {
                let answers = store.commit(vec![commit([write(order(2), 0, body)]), commit([write(order(3), 9, plain("x"))])]).await;
                assert!(matches!(answers[0], Err(CommitError::Store(StoreError::Corrupt(_)))), "{answers:?}");
                assert_eq!(answers[1], conflict(order(3)), "the rest of the batch goes on");
            }
            assert_eq!(store.list(&long, None, 9).await, Ok(Vec::new()));
            assert_eq!(store.find(&long).await, Ok(None));
        }
        assert_eq!(loaded(&*store, order(2)).await, None);
    }
}

// Pages
rules! {
    async fn lists_are_sorted_and_come_in_pages(store) {
        let objects: Vec<_> = (0..10).map(account).chain((0..10).map(order)).collect();
        for &object in objects.iter().rev() {
            done(&*store, [write(object, 0, Body { owes: true, ..found_by(&["a", "b"]) })]).await;
        }
        for limit in [1, 3, 7, 20, 100] {
            let (mut lists, mut owings) = (Vec::new(), Vec::new());
            loop {
                let page = store.list(&term("a"), lists.last().copied(), limit).await.expect("lists");
                assert_eq!(page, store.owing(owings.last().copied(), limit).await.expect("answers"));
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                lists.extend(page.clone());
                owings.extend(page);
            }
            assert_eq!(lists, objects);
            assert_eq!(owings, objects);
        }
        assert_eq!(store.list(&term("a"), None, 0).await, Ok(Vec::new()));
        assert_eq!(store.owing(None, 0).await, Ok(Vec::new()));
    }

    async fn a_page_begins_after_an_object_that_need_not_exist(store) {
        for number in [1, 3, 5] {
            done(&*store, [write(order(number), 0, Body { owes: true, ..found_by(&["a"]) })]).await;
        }
        for (after, expected) in [
            (order(0), &[1, 3, 5][..]), (order(1), &[3, 5]), (order(2), &[3, 5]), (order(5), &[]), (order(6), &[]),
            (account(4), &[1, 3, 5]), (object(Kind::Crl, 0), &[]),
        ] {
            let expected: Vec<_> = expected.iter().map(|&number| order(number)).collect();
            assert_eq!(store.list(&term("a"), Some(after), 9).await, Ok(expected.clone()), "{after}");
            assert_eq!(store.owing(Some(after), 9).await, Ok(expected.clone()), "{after}");
            assert_eq!(store.scan(Kind::Order, Some(after), 9).await, Ok(expected), "{after}");
        }
    }

    async fn a_scan_gives_one_kind_sorted_and_in_pages(store) {
        for &kind in Kind::ALL {
            for number in [u64::MAX, 2, 1, 0] {
                done(&*store, [write(object(kind, number), 0, plain("x"))]).await;
            }
        }
        let last = ObjectId { kind: Kind::Order, id: Id::from_bytes([0xff; 16]) };
        done(&*store, [write(last, 0, plain("x"))]).await;
        for &kind in Kind::ALL {
            let mut expected: Vec<_> = [0, 1, 2, u64::MAX].map(|number| object(kind, number)).into();
            expected.extend((kind == Kind::Order).then_some(last));
            assert_eq!(scanned(&*store, kind).await, expected);
            assert_eq!(store.scan(kind, None, 2).await, Ok(expected[..2].to_vec()));
            assert_eq!(store.scan(kind, Some(expected[1]), 2).await, Ok(expected[2..4].to_vec()));
            assert_eq!(store.scan(kind, None, 0).await, Ok(Vec::new()));
        }
        assert_eq!(store.scan(Kind::Order, Some(last), 9).await, Ok(Vec::new()));
    }

    async fn what_no_longer_owes_is_not_woken(store) {
        done(&*store, [write(order(1), 0, owing()), write(order(2), 0, plain("x")), write(account(3), 0, owing())]).await;
        assert_eq!(indebted(&*store).await, [account(3), order(1)]);
        done(&*store, [write(order(1), 1, plain("done")), write(order(2), 1, owing()), write(account(3), 1, owing())]).await;
        assert_eq!(indebted(&*store).await, [account(3), order(2)]);
    }

    async fn what_is_due_is_forgettable_earliest_first_with_its_revision(store) {
        done(&*store, [write(order(1), 0, forgotten_at(30)), write(order(2), 0, forgotten_at(10))]).await;
        done(&*store, [write(account(3), 0, forgotten_at(20)), write(account(4), 0, plain("for ever"))]).await;
        done(&*store, [write(order(5), 0, forgotten_at(20))]).await;
        done(&*store, [write(order(2), 1, forgotten_at(10))]).await;
        assert_eq!(due(&*store, 9).await, []);
        assert_eq!(due(&*store, 10).await, [(order(2), 2)]);
        assert_eq!(due(&*store, 29).await, [(order(2), 2), (account(3), 1), (order(5), 1)]);
        assert_eq!(due(&*store, 30).await.len(), 4);
        let first = store.forgettable(Timestamp::from_seconds(30), 2).await;
        assert_eq!(first, Ok(vec![(order(2), Revision(2)), (account(3), Revision(1))]));
        assert_eq!(store.forgettable(Timestamp::from_seconds(30), 0).await, Ok(Vec::new()));
        // To the millisecond.
        assert_eq!(store.forgettable(Timestamp::from_millis(9_999), 9).await, Ok(Vec::new()));
    }

    async fn a_later_forget_at_replaces_the_one_before(store) {
        done(&*store, [write(order(1), 0, forgotten_at(10)), write(order(2), 0, forgotten_at(10))]).await;
        done(&*store, [write(order(1), 1, forgotten_at(40)), write(order(2), 1, plain("for ever"))]).await;
        assert_eq!(due(&*store, 39).await, []);
        assert_eq!(due(&*store, u64::MAX).await, [(order(1), 2)]);
    }
}

// Walks
rules! {
    async fn a_walk_through_terms_is_sorted_by_term_and_then_by_object(store) {
        done(&*store, [write(order(1), 0, found_by(&["b", "d"])), write(order(2), 0, found_by(&["a", "c"]))]).await;
        done(&*store, [write(account(3), 0, found_by(&["b"])), write(account(4), 0, found_by(&["e", "b", "b"]))]).await;
        let all = [at("a", order(2)), at("b", account(3)), at("b", account(4)), at("b", order(1)), at("c", order(2)), at("d", order(1)), at("e", account(4))];
        assert_eq!(whole(&*store, &between("a", "e")).await, all);
        assert_eq!(whole(&*store, &between("b", "d")).await, all[1..6]);
        assert_eq!(whole(&*store, &Range::of(term("b"))).await, all[1..4]);
        assert_eq!(whole(&*store, &between("f", "z")).await, []);
        assert_eq!(whole(&*store, &between("d", "b")).await, [], "an empty range");
    }

    async fn only_terms_of_the_same_length_are_on_a_walk(store) {
        let awkward: Vec<Term> = [&b""[..], b"b", b"aa", b"ab", b"ab\0", b"ab\xff", b"a\xff", b"b\0", b"bb", b"\x02bb", b"c", b"ca", &[b'b'; 128]]
            .map(|bytes| Term::new(bytes).expect("short")).into();
        for (number, term) in (0..).zip(&awkward) {
            done(&*store, [write(order(number), 0, Body { terms: vec![term.clone()], ..plain("x") })]).await;
        }
        // An object whose id looks like more of a term.
        let odd = ObjectId { kind: Kind::Order, id: Id::from_bytes([b'b'; 16]) };
        done(&*store, [write(odd, 0, found_by(&["ab"]))]).await;
        let expected = [at("ab", order(3)), at("ab", odd), Found { term: b"a\xff".to_vec(), object: order(6) }, Found { term: b"b\0".to_vec(), object: order(7) }, at("bb", order(8))];
        assert_eq!(whole(&*store, &between("ab", "bz")).await, expected);
        assert_eq!(whole(&*store, &between("a", "c")).await, [at("b", order(1)), at("c", order(10))]);
        assert_eq!(whole(&*store, &between("", "")).await, [at("", order(0))]);
        for (low, high) in [("a", "cc"), ("aa", "c"), ("", "c")] {
            assert_eq!(whole(&*store, &between(low, high)).await, [], "terms of different lengths");
        }
        let longest = |byte| Term::new([byte; 128]).expect("just fits");
        let all = Range::Terms { low: longest(0), high: longest(255) };
        assert_eq!(whole(&*store, &all).await, [Found { term: vec![b'b'; 128], object: order(12) }]);
        let longer = Range::Terms { low: Term(vec![0; 129]), high: Term(vec![255; 129]) };
        assert_eq!(whole(&*store, &longer).await, [], "no term is as long");
    }

    async fn a_walk_goes_on_past_places_that_need_not_exist_nor_lie_within(store) {
        for (number, text) in [(1, "bb"), (3, "bb"), (5, "dd"), (7, "ff"), (9, "zz")] {
            done(&*store, [write(order(number), 0, found_by(&[text]))]).await;
        }
        let range = between("bb", "ff");
        let all = [at("bb", order(1)), at("bb", order(3)), at("dd", order(5)), at("ff", order(7))];
        // How many lie before the place, and how many do not lie past it upwards.
        let too_long = Found { term: vec![b'a'; 200], object: order(1) };
        for (after, before, until) in [
            (at("bb", order(3)), 1, 2), (at("bb", order(2)), 1, 1), (at("cc", order(99)), 2, 2), (at("ff", order(7)), 3, 4),
            // Before and behind the range.
            (at("bb", account(99)), 0, 0), (at("aa", order(99)), 0, 0), (at("ff", object(Kind::Crl, 0)), 4, 4), (at("zz", order(9)), 4, 4),
            // Shorter terms come before longer ones.
            (at("", order(99)), 0, 0), (at("z", order(99)), 0, 0), (at("aaa", order(0)), 4, 4), (too_long, 4, 4),
        ] {
            assert_eq!(walked(&*store, &range, Direction::Ascending, Some(&after), 9).await, all[until..], "{after:?}");
            let mut expected = all[..before].to_vec();
            expected.reverse();
            assert_eq!(walked(&*store, &range, Direction::Descending, Some(&after), 9).await, expected, "{after:?}");
        }
        done(&*store, [removal(order(3), 1)]).await;
        assert_eq!(walked(&*store, &range, Direction::Ascending, Some(&all[1]), 1).await, all[2..3]);
        assert_eq!(walked(&*store, &range, Direction::Descending, Some(&all[1]), 1).await, all[..1]);
    }

    async fn a_walk_through_a_kind_meets_all_of_it_and_nothing_else(store) {
        for &kind in Kind::ALL {
            for number in [5, 3, 1] {
                done(&*store, [write(object(kind, number), 0, found_by(&["a"]))]).await;
            }
        }
        let ends = [[0; 16], [0xff; 16]].map(|id| ObjectId { kind: Kind::Order, id: Id::from_bytes(id) });
        done(&*store, ends.map(|end| write(end, 0, plain("x")))).await;
        for &kind in Kind::ALL {
            let mut expected: Vec<_> = [1, 3, 5].map(|number| at("", object(kind, number))).into();
            if kind == Kind::Order {
                expected.insert(0, at("", ends[0]));
                expected.push(at("", ends[1]));
            }
            assert_eq!(whole(&*store, &Range::Kind(kind)).await, expected);
        }
        let range = Range::Kind(Kind::Account);
        let all = [1, 3, 5].map(|number| at("", account(number)));
        for (after, before, until) in [
            (at("", account(0)), 0, 0), (at("", account(3)), 1, 2), (at("", account(4)), 2, 2), (at("", account(9)), 3, 3),
            (at("", order(0)), 3, 3), (at("its term does not count", account(3)), 1, 2),
        ] {
            assert_eq!(walked(&*store, &range, Direction::Ascending, Some(&after), 9).await, all[until..], "{after:?}");
            let mut expected = all[..before].to_vec();
            expected.reverse();
            assert_eq!(walked(&*store, &range, Direction::Descending, Some(&after), 9).await, expected, "{after:?}");
        }
        let first = Range::Kind(Kind::Order);
        assert_eq!(walked(&*store, &first, Direction::Descending, Some(&at("", account(9))), 9).await, []);
    }

    async fn a_walk_ends_at_its_limit(store) {
        for number in 0..4 {
            done(&*store, [write(order(number), 0, found_by(&["a", "b"]))]).await;
        }
        for range in [Range::Kind(Kind::Order), between("a", "a"), between("a", "b")] {
            for direction in [Direction::Ascending, Direction::Descending] {
                let all = walked(&*store, &range, direction, None, usize::MAX).await;
                for limit in 0..=all.len() {
                    assert_eq!(walked(&*store, &range, direction, None, limit).await, all[..limit]);
                }
            }
        }
    }

    async fn a_walk_sees_what_the_last_commit_left(store) {
        done(&*store, [write(order(1), 0, found_by(&["a", "b"])), write(order(2), 0, found_by(&["c"]))]).await;
        done(&*store, [write(order(1), 1, found_by(&["b", "d"])), removal(order(2), 1)]).await;
        assert_eq!(whole(&*store, &between("a", "z")).await, [at("b", order(1)), at("d", order(1))]);
        assert_eq!(whole(&*store, &Range::Kind(Kind::Order)).await, [at("", order(1))]);
    }
}
