//! How what several perspectives say comes to one outcome: any number of them, in any order, with any number required.

use chancery_machine::perspective::{Corroboration, PerspectiveName, Perspectives, Tally};
use proptest::prelude::*;

/// What is said, and by whom: `None` is the server itself.
type Saying = (Option<usize>, bool);

/// Perspectives, and everybody's word in some order: first each one's own, then perhaps some of them again.
fn scene() -> impl Strategy<Value = (Perspectives, Vec<Saying>, Vec<Saying>)> {
    (0..=10_usize, prop::option::of(0..12_u32)).prop_flat_map(|(count, required)| {
        let names = (0..count).map(name).collect();
        let sayings = prop::collection::vec(any::<bool>(), count + 1).prop_map(|words| {
            words.into_iter().enumerate().map(|(place, word)| (place.checked_sub(1), word)).collect::<Vec<_>>()
        });
        let again = prop::collection::vec((prop::option::of(0..count.max(1)), any::<bool>()), 0..4);
        (Just(Perspectives { names, required }), sayings.prop_shuffle(), again)
    })
}

fn name(number: usize) -> PerspectiveName {
    PerspectiveName::parse(&format!("p{number}")).expect("a name")
}

fn say(tally: &mut Tally, (who, word): Saying) {
    match who {
        None => tally.primary(word),
        Some(number) => tally.remote(&name(number), word),
    }
}

/// Who says yes at their first word.
fn agreeing(sayings: &[Saying]) -> (bool, usize) {
    let primary = sayings.iter().any(|(who, word)| who.is_none() && *word);
    (primary, sayings.iter().filter(|(who, word)| who.is_some() && *word).count())
}

proptest! {
    #[test]
    fn it_never_passes_without_the_primary((perspectives, sayings, again) in scene()) {
        let mut tally = Tally::new(&perspectives);
        for (place, saying) in sayings.iter().chain(&again).enumerate() {
            say(&mut tally, *saying);
            let heard = &sayings[..(place + 1).min(sayings.len())];
            if tally.outcome() == Some(Corroboration::Corroborated) {
                prop_assert!(agreeing(heard).0);
            }
        }
    }

    #[test]
    fn it_never_passes_with_fewer_than_required((perspectives, sayings, again) in scene()) {
        let mut tally = Tally::new(&perspectives);
        for (place, saying) in sayings.iter().chain(&again).enumerate() {
            say(&mut tally, *saying);
            let heard = &sayings[..(place + 1).min(sayings.len())];
            prop_assert_eq!(tally.agreed(), agreeing(heard).1);
            if tally.outcome() == Some(Corroboration::Corroborated) {
                prop_assert!(agreeing(heard).1 >= perspectives.required());
            }
        }
    }

    #[test]
    fn the_order_of_arrival_does_not_matter((perspectives, sayings, again) in scene()) {
        let outcome = |sayings: &mut dyn Iterator<Item = &Saying>| {
            let mut tally = Tally::new(&perspectives);
            sayings.for_each(|saying| say(&mut tally, *saying));
            tally.outcome()
        };
        let found = outcome(&mut sayings.iter());
        prop_assert_eq!(outcome(&mut sayings.iter().rev()), found);
        // What is said again changes nothing.
        prop_assert_eq!(outcome(&mut sayings.iter().chain(&again)), found);
        let (primary, agreed) = agreeing(&sayings);
        let expected = match (primary, agreed >= perspectives.required()) {
            (false, _) => Corroboration::Refused,
            (true, true) => Corroboration::Corroborated,
            (true, false) => Corroboration::Missed,
        };
        prop_assert_eq!(found, Some(expected));
    }

    /// As early as it is sure, not earlier: an outcome stays whatever comes, and where there is none yet, more than one may
    /// still come.
    #[test]
    fn an_outcome_is_known_exactly_when_it_is_sure((perspectives, sayings, _) in scene()) {
        let mut tally = Tally::new(&perspectives);
        for place in 0..=sayings.len() {
            let ends = [false, true].map(|word| {
                let mut end = tally.clone();
                // Who is still to come says the same, but for the server, which has seen the proof.
                sayings[place..].iter().for_each(|(who, _)| say(&mut end, (*who, who.is_none() || word)));
                end.outcome()
            });
            match tally.outcome() {
                Some(outcome) => prop_assert_eq!(ends, [Some(outcome); 2]),
                None => {
                    let primary = sayings[place..].iter().any(|(who, _)| who.is_none());
                    prop_assert!(primary || ends[0] != ends[1]);
                }
            }
            if let Some(saying) = sayings.get(place) {
                say(&mut tally, *saying);
            }
        }
    }
}

#[test]
fn who_was_not_asked_has_no_voice() {
    let mut tally = Tally::new(&Perspectives { names: vec![name(1)], required: None });
    tally.primary(true);
    tally.remote(&name(2), true);
    assert_eq!((tally.outcome(), tally.agreed(), tally.required()), (None, 0, 1));
}

#[test]
fn without_perspectives_the_server_alone_decides() {
    for (word, outcome) in [(true, Corroboration::Corroborated), (false, Corroboration::Refused)] {
        let mut tally = Tally::new(&Perspectives::default());
        tally.primary(word);
        assert_eq!(tally.outcome(), Some(outcome));
    }
}
