//! The tester: type a name, and see whether and why it would be issued, with which challenges, and what the certificate
//! says.

use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use chancery_actors::catalog::Profile as _;

use super::{Kind, all, place, text, view};
use crate::admin::error::AdminError;
use crate::admin::profiles::Managed as _;
use crate::admin::trial::{Trial, TrialView};
use crate::ui::form::Form;
use crate::ui::frame::Frame;
use crate::ui::reply;
use crate::ui::visitor::Visitor;
use crate::ui::words::filters;

/// The kinds of key that can be tried.
const KEYS: &[(&str, &str)] = &[
    ("p256", "P-256"),
    ("p384", "P-384"),
    ("p521", "P-521"),
    ("rsa", "RSA"),
    ("ed25519", "Ed25519"),
    ("mldsa44", "ML-DSA-44"),
    ("mldsa65", "ML-DSA-65"),
    ("mldsa87", "ML-DSA-87"),
];

/// The form of the tester.
pub(super) struct TryForm {
    pub(super) action: String,
    pub(super) identifier: String,
    /// What the other profile is called, and which one is taken where none is chosen.
    pub(super) other: &'static str,
    pub(super) bound: String,
    pub(super) others: Vec<(String, bool)>,
    pub(super) keys: Vec<(&'static str, &'static str, bool)>,
}

impl TryForm {
    /// The form before anything is tried.
    pub(super) fn of<P: Kind>(visitor: &Visitor, profile: &P) -> Result<Self, AdminError> {
        Self::after::<P>(visitor, profile, &Trial::default())
    }

    fn after<P: Kind>(visitor: &Visitor, profile: &P, trial: &Trial) -> Result<Self, AdminError> {
        let is = |given: Option<&str>, one: &str| given == Some(one);
        let others = all::<P::Twin>(visitor)?;
        let others = others.iter().map(|other| other.name().to_string());
        let keys = KEYS.iter().map(|(key, word)| (*key, *word, is(trial.key.as_deref(), key)));
        Ok(Self {
            action: format!("{}/trial", place::<P>(profile.name().as_str())),
            identifier: trial.identifier.clone(),
            other: P::Twin::TITLE,
            bound: text(&view::<P>(visitor, profile), P::BOUND.0).to_owned(),
            others: others.map(|other| (other.clone(), is(trial.with.as_deref(), &other))).collect(),
            keys: keys.collect(),
        })
    }
}

#[derive(Template)]
#[template(path = "profiles/trial.html")]
struct Tried {
    frame: Frame,
    plural: &'static str,
    list: &'static str,
    name: String,
    here: String,
    form: TryForm,
    result: Option<TrialView>,
}

pub(super) async fn try_out<P: Kind>(
    visitor: Visitor,
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, AdminError> {
    let query = Form::parse(request.query_string().as_bytes());
    let given = |name: &str| query.given(name).map(str::to_owned);
    let trial = Trial { identifier: query.text("identifier").to_owned(), with: given("with"), key: given("key") };
    let profile = visitor.admin.read_profile::<P>(visitor.operator(), &name)?;
    let mut page = Tried {
        frame: Frame::of(&visitor, P::PLACE, format!("Try out {name}")),
        plural: P::PLURAL,
        list: P::PLACE,
        here: place::<P>(&name),
        form: TryForm::after::<P>(&visitor, &profile, &trial)?,
        result: None,
        name: name.into_inner(),
    };
    if trial.identifier.is_empty() {
        return reply::page(&page);
    }
    match P::tried(&visitor, &page.name, &trial).await {
        Ok(result) => {
            page.result = Some(result);
            reply::page(&page)
        }
        Err(error) => {
            page.frame = page.frame.refused(Some(&error));
            reply::page_with(error.status_code(), &page)
        }
    }
}

/// The last part of a problem's type, as in `rejectedIdentifier`.
fn short(kind: &str) -> &str {
    kind.rsplit(':').next().unwrap_or(kind)
}
