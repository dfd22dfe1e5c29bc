//! Fields as a form shows them.

use serde_json::Value;

use super::describe::description_of;
use super::say::facts;
use super::{Field, Group, Widget};
use crate::ui::form::Form;

/// How many profiles are shown as boxes; more are written on lines.
const BOXES: usize = 40;

/// What can be chosen that a table does not know.
#[derive(Default)]
pub(in crate::ui) struct Options {
    /// The names of the profiles of the other kind.
    pub(in crate::ui) others: Vec<String>,
    /// The authorities: their ids, and their names.
    pub(in crate::ui) authorities: Vec<(String, String)>,
    /// Whether something new is made: then what signs may be left to the server.
    pub(in crate::ui) new: bool,
}

/// A group of a form.
pub(in crate::ui) struct Section {
    pub(in crate::ui) id: String,
    pub(in crate::ui) title: &'static str,
    pub(in crate::ui) about: &'static str,
    /// Whether it is open from the beginning: it is the first, differs from the defaults, or something in it is at fault.
    pub(in crate::ui) open: bool,
    pub(in crate::ui) inputs: Vec<Input>,
}

/// A field of a form.
pub(in crate::ui) struct Input {
    pub(in crate::ui) id: String,
    pub(in crate::ui) name: String,
    pub(in crate::ui) label: &'static str,
    /// HTML.
    pub(in crate::ui) help: &'static str,
    pub(in crate::ui) example: &'static str,
    /// What counts if it is left empty.
    pub(in crate::ui) blank: String,
    pub(in crate::ui) fault: Option<String>,
    /// Whether it is part of the one before.
    pub(in crate::ui) nested: bool,
    pub(in crate::ui) control: Control,
}

/// How it is entered.
pub(in crate::ui) enum Control {
    /// A line of that type, with its text.
    Line(&'static str, String),
    /// Lines, and how many.
    Area(String, usize),
    /// A box, and whether it is ticked.
    Tick(bool),
    /// One of these, each with whether it is the one.
    Select(Vec<Choice>),
    /// Any of these.
    Boxes(Vec<Choice>),
    /// From and to.
    Pair(String, String),
}

/// Something to choose.
pub(in crate::ui) struct Choice {
    pub(in crate::ui) value: String,
    pub(in crate::ui) word: String,
    pub(in crate::ui) chosen: bool,
}

impl Input {
    /// What describes it, for whoever hears the page.
    pub(in crate::ui) fn described_by(&self) -> String {
        let fault = if self.fault.is_some() { format!(" {}-fault", self.id) } else { String::new() };
        format!("{}-help{fault}", self.id)
    }
}

/// The groups of a form with what it holds, and with what is wrong with it.
pub(in crate::ui) fn sections(
    (groups, schema): (&[Group], &str),
    form: &Form,
    defaults: &Value,
    options: &Options,
    faults: &[(String, String)],
) -> Vec<Section> {
    let blanks = facts(groups, defaults, defaults);
    let mut sections = Vec::with_capacity(groups.len());
    for (place, (group, (_, blanks))) in groups.iter().zip(blanks).enumerate() {
        let mut inputs = Vec::with_capacity(group.fields.len());
        for (field, blank) in group.fields.iter().zip(blanks) {
            let blank = blank.words.join(", ");
            inputs.push(input((field, schema), field.name, form, blank, options, faults));
            if let Widget::Nested(schema, fields) = &field.widget {
                for part in *fields {
                    let name = format!("{}.{}", field.name, part.name);
                    let part = input((part, schema), &name, form, String::new(), options, faults);
                    inputs.push(Input { nested: true, ..part });
                }
            }
        }
        let same = super::written(std::slice::from_ref(group), defaults);
        let differs = group.fields.iter().any(|field| !same.same(form, field.name));
        let fault = inputs.iter().any(|input| input.fault.is_some());
        let id = group.title.to_lowercase().replace(' ', "-");
        sections.push(Section {
            id,
            title: group.title,
            about: group.about,
            open: place == 0 || differs || fault,
            inputs,
        });
    }
    sections
}

fn input(
    (field, schema): (&Field, &str),
    name: &str,
    form: &Form,
    blank: String,
    options: &Options,
    faults: &[(String, String)],
) -> Input {
    let text = || form.text(name).to_owned();
    let chosen = |value: &str| form.all(name).any(|given| given == value);
    let choice =
        |value: &str, word: &str| Choice { value: value.to_owned(), word: word.to_owned(), chosen: chosen(value) };
    let lines = || form.all(name).collect::<Vec<_>>().join("\n");
    let known = |words: super::Words| words.iter().map(|(value, word)| choice(value, word)).collect();
    let area = |text: String| {
        let rows = text.lines().count().clamp(2, 12);
        Control::Area(text, rows)
    };
    let control = match &field.widget {
        Widget::Text | Widget::Span | Widget::Spans => Control::Line("text", text()),
        Widget::Url => Control::Line("url", text()),
        Widget::Number => Control::Line("number", text()),
        Widget::Tick | Widget::Nested(..) => Control::Tick(form.ticked(name)),
        Widget::Choice(words) => Control::Select(known(words)),
        Widget::Ticks(words) => Control::Boxes(known(words)),
        Widget::Lines | Widget::Exemptions => area(lines()),
        Widget::Pair => {
            Control::Pair(form.text(&format!("{name}.from")).to_owned(), form.text(&format!("{name}.to")).to_owned())
        }
        Widget::Other => {
            let none = Choice { value: String::new(), word: "None".to_owned(), chosen: form.text(name).is_empty() };
            let others = options.others.iter().map(|other| choice(other, other));
            Control::Select(std::iter::once(none).chain(others).collect())
        }
        Widget::Others if options.others.len() > BOXES => area(lines()),
        Widget::Others => Control::Boxes(options.others.iter().map(|other| choice(other, other)).collect()),
        Widget::Authority => {
            let first = options.new.then(|| choice("", "The first intermediate"));
            let all = options.authorities.iter().map(|(id, name)| choice(id, name));
            Control::Select(first.into_iter().chain(all).collect())
        }
    };
    // What cannot be left empty, or says itself what that means.
    let silent = matches!(control, Control::Tick(_) | Control::Select(_) | Control::Boxes(_) | Control::Area(..));
    Input {
        id: name.replace('.', "-"),
        name: name.to_owned(),
        label: field.label,
        help: description_of(schema, field.name),
        example: field.example,
        blank: if silent { String::new() } else { blank },
        fault: fault(&field.widget, name, faults),
        nested: false,
        control,
    }
}

/// What is wrong with a field: with the whole, or with one of its items.
fn fault(widget: &Widget, name: &str, faults: &[(String, String)]) -> Option<String> {
    let said = faults.iter().filter_map(|(field, detail)| {
        let rest = field.strip_prefix(name)?;
        if rest.is_empty() {
            return Some(detail.clone());
        }
        if let Some(place) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let entry: usize = place.0.parse().ok()?;
            return Some(format!("Entry {}: {detail}", entry + 1));
        }
        // Parts of an object have fields of their own.
        let own = matches!(widget, Widget::Nested(..));
        (rest.starts_with('.') && !own).then(|| detail.clone())
    });
    let said: Vec<_> = said.collect();
    (!said.is_empty()).then(|| said.join(" "))
}
