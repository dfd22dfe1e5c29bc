//! CAA records at finalizing: what was asked lately is not asked again, and what was never asked is.

use chancery_actors::finalize::FinalizeError;
use chancery_actors::ports::CaaQuestion;
use chancery_machine::challenge::ChallengeType;
use chancery_machine::identifier::{DnsName, Subject};
use chancery_machine::order::OrderStatus;
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::profile::{AcmeProfile, ExemptName, Exemption, ExemptionScope, RaProfile, Seconds};

use super::lab::{DAY, Lab, declare, finalize, obtain, place, profiles_with, ready, register, run};

const HOUR: u64 = 3600;

/// An authority that has a name.
fn named(acme: &mut AcmeProfile, _: &mut RaProfile) {
    acme.caa_identities = vec!["ca.test".into()];
}

/// One that asks for no CAA records.
fn ignoring(acme: &mut AcmeProfile) {
    acme.ignores_caa = true;
}

fn forbidden(question: &CaaQuestion) -> Result<(), Problem> {
    Err(Problem::new(ProblemType::Caa, format!("not for {}", question.name)))
}

#[test]
fn what_was_asked_with_the_challenge_counts_for_eight_hours() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        declare(engine, profiles_with(named)).await;
        let account = register(engine, 1).await;
        let (early, late) = (
            ready(engine, &account, &["early.example.org"]).await,
            ready(engine, &account, &["*.late.example.org", "late.example.org"]).await,
        );
        lab.validator.caa(forbidden);

        lab.clock.advance(8 * HOUR - 1);
        let order = finalize(engine, &account, &early).await.expect("finalizes");
        assert_eq!(order.state.status(engine.now()), OrderStatus::Valid);
        assert!(lab.validator.questions().is_empty());

        lab.clock.advance(1);
        let Err(FinalizeError::Caa(refused)) = finalize(engine, &account, &late).await else { panic!("is refused") };
        let names: Vec<_> = refused.iter().map(|(subject, problem)| (subject.to_string(), problem.kind)).collect();
        let caa = ProblemType::Caa;
        assert_eq!(names, [("late.example.org".to_owned(), caa), ("*.late.example.org".to_owned(), caa)]);
        let questions = lab.validator.questions();
        for question in &questions {
            assert_eq!(question.name.as_str(), "late.example.org");
            assert_eq!(question.issuers, ["ca.test"]);
            assert!(question.method.is_some());
            assert!(question.account_url.starts_with("https://ca.test/acme/default/acct/"), "{}", question.account_url);
        }
        assert_eq!(questions.iter().filter(|question| question.wildcard).count(), 1);

        // The order stands as it stood; once the records let it, it goes on.
        let order = engine.order(chancery_machine::id::OrderId(late.id)).await.expect("stands");
        assert_eq!(order.state.status(engine.now()), OrderStatus::Ready);
        lab.validator.caa(|_| Ok(()));
        let order = finalize(engine, &account, &order).await.expect("finalizes");
        assert_eq!(order.state.status(engine.now()), OrderStatus::Valid);
        started.stop();
    });
}

#[test]
fn where_nothing_was_proven_it_is_asked_and_there_is_no_method() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let name = DnsName::parse("corp.example").expect("a name");
        let rule = Exemption { name: ExemptName::Name(name), scope: ExemptionScope::Subdomain, wildcard: false };
        declare(
            engine,
            profiles_with(|acme, ra| {
                named(acme, ra);
                ra.exemptions.rules = vec![rule];
            }),
        )
        .await;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.corp.example", "b.corp.example"]).await;
        lab.validator.caa(|question| match question.name.as_str() {
            "a.corp.example" => forbidden(question),
            _ => Ok(()),
        });
        let Err(FinalizeError::Caa(refused)) = finalize(engine, &account, &order).await else { panic!("is refused") };
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].0, Subject::dns("a.corp.example").expect("a name"));
        assert!(lab.validator.questions().iter().all(|question| question.method.is_none()));
        assert_eq!(lab.validator.questions().len(), 2);
        started.stop();
    });
}

#[test]
fn what_was_proven_under_other_rules_is_asked_again() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let reusing = |acme: &mut AcmeProfile| acme.authorization_reuse = Some(Seconds(DAY));
        declare(
            engine,
            profiles_with(|acme, _| {
                reusing(acme);
                ignoring(acme);
            }),
        )
        .await;
        let account = register(engine, 1).await;
        obtain(engine, &account, &["a.example.org"]).await;
        // Nobody asked for anything while the profile said so.
        assert!(lab.validator.questions().is_empty());
        declare(
            engine,
            profiles_with(|acme, ra| {
                reusing(acme);
                named(acme, ra);
            }),
        )
        .await;
        lab.validator.caa(forbidden);
        let order = place(engine, &account, &["a.example.org"]).await;
        assert_eq!(order.state.status(engine.now()), OrderStatus::Ready);
        assert!(matches!(finalize(engine, &account, &order).await, Err(FinalizeError::Caa(_))));
        assert_eq!(lab.validator.questions()[0].method, Some(ChallengeType::Http01));
        started.stop();
    });
}

#[test]
fn an_authority_without_a_name_asks_all_the_same() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = ready(engine, &account, &["a.example.org"]).await;
        lab.validator.caa(forbidden);
        lab.clock.advance(9 * HOUR);
        assert!(matches!(finalize(engine, &account, &order).await, Err(FinalizeError::Caa(_))));
        assert_eq!(lab.validator.questions()[0].issuers, Vec::<String>::new());
        started.stop();
    });
}

#[test]
fn a_profile_that_ignores_caa_never_asks() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        declare(
            engine,
            profiles_with(|acme, ra| {
                named(acme, ra);
                ignoring(acme);
            }),
        )
        .await;
        let account = register(engine, 1).await;
        let order = ready(engine, &account, &["a.example.org"]).await;
        lab.validator.caa(forbidden);
        lab.clock.advance(9 * HOUR);
        finalize(engine, &account, &order).await.expect("finalizes");
        assert!(lab.validator.questions().is_empty());
        started.stop();
    });
}
