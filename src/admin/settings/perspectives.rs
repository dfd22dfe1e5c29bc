//! From where else control is looked at: the settings about perspectives.

use chancery_machine::perspective::{PERSPECTIVES, PerspectiveName, Perspectives};

use super::{Fault, bounded};

/// The perspectives that are asked, and how many must agree. Whether the server's configuration has them is for the server
/// to say: a file of profiles is read elsewhere too.
pub(super) fn perspectives(names: &[String], required: Option<u32>) -> Result<Perspectives, Fault> {
    bounded("perspectives", names.len(), PERSPECTIVES)?;
    let mut read = Vec::with_capacity(names.len());
    for (place, text) in names.iter().enumerate() {
        let field = || format!("perspectives[{place}]");
        let name = PerspectiveName::parse(text).map_err(|bad| Fault::new(field(), bad.to_string()))?;
        if read.contains(&name) {
            return Err(Fault::new(field(), format!("{name} is named twice; one perspective has one voice")));
        }
        read.push(name);
    }
    match required.map(usize::try_from) {
        Some(Err(_)) => Err(Fault::new("perspectivesRequired", "more than there can be")),
        Some(Ok(most)) if most > read.len() => {
            let detail = format!("{most} cannot agree where perspectives names {}", read.len());
            Err(Fault::new("perspectivesRequired", detail))
        }
        Some(Ok(_)) | None => Ok(Perspectives { names: read, required }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_met_is_a_fault() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (wrong, required, field) in [
            (names(&["a", "b c"]), None, "perspectives[1]"),
            (names(&["a", "b", "a"]), None, "perspectives[2]"),
            (names(&["a", "b"]), Some(3), "perspectivesRequired"),
            (names(&[]), Some(1), "perspectivesRequired"),
            ((0..11).map(|number| number.to_string()).collect(), None, "perspectives"),
        ] {
            assert_eq!(perspectives(&wrong, required).expect_err("must be refused").field, field);
        }
        for (right, required) in [(names(&[]), None), (names(&[]), Some(0)), (names(&["a", "b"]), Some(2))] {
            perspectives(&right, required).expect("it is sound");
        }
    }
}
