//! The first page: how the server does.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::frame::Frame;
use super::reply;
use super::visitor::Visitor;
use super::words::{self, filters};
use crate::admin::accounts::OrderCount;
use crate::admin::error::AdminError;
use crate::admin::overview::{FailureView, HourView, OverviewView};

/// The height of the highest bar.
const HEIGHT: u64 = 120;

/// From one bar to the next.
const PITCH: u64 = 29;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(web::resource("").get(read)).service(web::resource("/").get(whole));
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    overview: Arc<OverviewView>,
    bars: Bars,
    /// The certificates that end on each of the next days, as heights of bars.
    ends: Vec<End>,
}

struct End {
    x: u64,
    part: Part,
    said: String,
}

/// The certificates that end on each of the next days.
fn ends(days: &[u64]) -> Vec<End> {
    let most = days.iter().copied().max().unwrap_or(0).max(1);
    let bars = days.iter().zip(0_u64..).map(|(number, nth)| {
        let height = if *number == 0 { 0 } else { (number * 40 / most).max(2) };
        let said = format!("{number} in {nth} to {} days", nth + 1);
        End { x: nth * 10, part: Part { y: 40 - height, height }, said }
    });
    bars.collect()
}

async fn whole() -> HttpResponse {
    reply::see("/ui")
}

async fn read(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, AdminError> {
    let overview = visitor.admin.overview(visitor.operator()).await?;
    let frame = Frame::of(&visitor, "/ui", "Overview").after(request.query_string());
    let ends = ends(&overview.certificates.expiring_by_day);
    reply::page(&Page { frame, bars: Bars::of(&overview.trend), ends, overview })
}

/// The trend as bars.
struct Bars {
    bars: Vec<Bar>,
    /// The greatest number of orders in an hour.
    most: u64,
    total: u64,
    failed: u64,
}

struct Bar {
    x: u64,
    /// From the top: what is under way, what failed, and what is valid.
    open: Part,
    invalid: Part,
    valid: Part,
    /// The hour, and what is in it.
    hour: String,
    said: String,
}

struct Part {
    y: u64,
    height: u64,
}

impl Bars {
    fn of(trend: &[HourView]) -> Self {
        let sum = |hour: &HourView| hour.valid + hour.invalid + hour.open;
        let most = trend.iter().map(sum).max().unwrap_or(0);
        let bars = trend.iter().zip(0_u64..).map(|(hour, nth)| {
            // What is there at all can be seen.
            let height = |number: u64| if number == 0 { 0 } else { (number * HEIGHT / most.max(1)).max(2) };
            let valid = Part { height: height(hour.valid), y: HEIGHT.saturating_sub(height(hour.valid)) };
            let invalid = Part { height: height(hour.invalid), y: valid.y.saturating_sub(height(hour.invalid)) };
            let open = Part { height: height(hour.open), y: invalid.y.saturating_sub(height(hour.open)) };
            let HourView { from, valid: issued, invalid: failed, open: running } = hour;
            let hour = from.get(11..16).unwrap_or(from).to_owned();
            let said = format!("{hour} UTC: {issued} valid, {failed} failed, {running} under way");
            Bar { x: nth * PITCH, open, invalid, valid, hour, said }
        });
        Self {
            bars: bars.collect(),
            most,
            total: trend.iter().map(sum).sum(),
            failed: trend.iter().map(|hour| hour.invalid).sum(),
        }
    }
}

/// Numbers in words, for whoever does not see the bars.
fn listed(days: &[u64]) -> String {
    days.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// How long the bar of a cause is, of a hundred.
fn share(number: &u64, failures: &[FailureView]) -> u64 {
    let most = failures.iter().map(|failure| failure.last_day).max().unwrap_or(0).max(1);
    (number * 100 / most).max(2)
}

/// A number, and a plus where there may be more.
fn number(count: &OrderCount) -> String {
    format!("{}{}", count.count, if count.or_more { "+" } else { "" })
}

fn health_badge(well: bool) -> String {
    if well { words::badge("good", "well") } else { words::badge("bad", "not well") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stand_on_each_other_and_end_at_the_top() {
        let hour = |valid, invalid, open| HourView { from: "2026-11-27T15:00:00Z".to_owned(), valid, invalid, open };
        let Bars { bars, most, total, failed } = Bars::of(&[hour(0, 0, 0), hour(30, 20, 10), hour(1, 0, 0)]);
        assert_eq!((most, total, failed), (60, 61, 20));
        let tops: Vec<_> = bars.iter().map(|bar| (bar.valid.y, bar.invalid.y, bar.open.y)).collect();
        assert_eq!(tops, [(120, 120, 120), (60, 20, 0), (118, 118, 118)]);
        assert_eq!(bars[1].said, "15:00 UTC: 30 valid, 20 failed, 10 under way");
    }
}
