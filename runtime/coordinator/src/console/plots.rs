//! Small plots of the last hour, or of the time since the start, as SVG.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::samples::Sample;
use super::words::short_span;

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 56.0;

/// One line of a plot: its name, its class, and its points, each a time and a value.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
    pub(super) points: Vec<(i64, f64)>,
}

/// The time that plots show, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    from: i64,
    to: i64,
}

impl Window {
    /// The last hour, or the time since the first of these samples; a minute at least.
    pub(super) fn of(samples: &[Sample], now: i64) -> Self {
        let first = samples.first().map_or(now, |sample| sample.at);
        Self { from: first.clamp(now - 3_600_000, now - 60_000), to: now }
    }

    /// How long it is, in words.
    pub(super) fn told(self) -> String {
        let millis = (self.to - self.from).unsigned_abs();
        // The first sample of a full hour may be some seconds late.
        match millis / 60_000 {
            0..2 => "minute".to_owned(),
            2..59 => short_span(millis),
            _ => "hour".to_owned(),
        }
    }
}

/// A plot with its latest values. `unit` follows each number.
pub(super) fn plot(title: &str, unit: &str, lines: &[Line], window: Window) -> Markup {
    let top = lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value).fold(0.0, f64::max);
    let values = lines.iter().map(|line| {
        let last = line.points.last().map_or_else(|| "no data yet".to_owned(), |(_, value)| number(*value, unit));
        (line, last)
    });
    let values: Vec<_> = values.collect();
    let mut told = format!("{title}, the last {}. Highest {}.", window.told(), number(top, unit));
    for (line, last) in &values {
        let _ = write!(told, " {}: now {last}.", line.name);
    }
    html! {
        figure.plot {
            figcaption {
                strong { (title) }
                @for (line, last) in &values { span.key { span class={ "dot " (line.class) } {} (line.name) " " b { (last) } } }
                span.key.top { "highest " b { (number(top, unit)) } }
            }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(told) preserveAspectRatio="none" {
                @for line in lines { polyline class={ "line " (line.class) } points=(path(&line.points, top, window)) {} }
            }
        }
    }
}

fn number(value: f64, unit: &str) -> String {
    // A count is whole; a rate or a time may be small.
    let digits = usize::from(!unit.is_empty() && value > 0.0 && value < 10.0);
    format!("{value:.digits$}{unit}")
}

#[expect(clippy::cast_precision_loss, reason = "a pixel is wider than the loss")]
fn path(points: &[(i64, f64)], top: f64, window: Window) -> String {
    let mut path = String::new();
    for (at, value) in points {
        let x = WIDTH * ((at - window.from) as f64 / (window.to - window.from) as f64).clamp(0.0, 1.0);
        let y = HEIGHT - 3.0 - (HEIGHT - 6.0) * if top > 0.0 { value / top } else { 0.0 };
        let _ = write!(path, "{x:.1},{y:.1} ");
    }
    path
}

/// What came in each second between one sample and the next: a level from the one to the other.
#[expect(clippy::cast_precision_loss, reason = "a rate that is shown with one digit")]
pub(super) fn rates(samples: &[Sample], of: impl Fn(&Sample) -> u64) -> Vec<(i64, f64)> {
    let rate = |pair: &[Sample]| {
        let seconds = (pair[1].at - pair[0].at).max(1) as f64 / 1000.0;
        let rate = of(&pair[1]).saturating_sub(of(&pair[0])) as f64 / seconds;
        [(pair[0].at, rate), (pair[1].at, rate)]
    };
    samples.windows(2).flat_map(rate).collect()
}

/// How long a call took on average between one sample and the next, in milliseconds; times without calls are left out.
#[expect(clippy::cast_precision_loss, reason = "a time that is shown with one digit")]
pub(super) fn call_times(samples: &[Sample]) -> Vec<(i64, f64)> {
    let time = |pair: &[Sample]| {
        let calls = pair[1].calls.saturating_sub(pair[0].calls);
        let micros = pair[1].call_micros.saturating_sub(pair[0].call_micros);
        let mean = micros as f64 / 1000.0 / calls as f64;
        (calls > 0).then(|| [(pair[0].at, mean), (pair[1].at, mean)])
    };
    samples.windows(2).filter_map(time).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_difference_by_the_time() {
        let sample = |at, calls, call_micros| Sample { at, calls, call_micros, ..Sample::default() };
        let samples = [sample(0, 0, 0), sample(10_000, 20, 40_000), sample(20_000, 20, 40_000)];
        assert_eq!(rates(&samples, |it| it.calls), [(0, 2.0), (10_000, 2.0), (10_000, 0.0), (20_000, 0.0)]);
        assert_eq!(call_times(&samples), [(0, 2.0), (10_000, 2.0)]);
    }

    #[test]
    fn a_plot_without_data_says_so() {
        let line = Line { name: "calls", class: "a", points: Vec::new() };
        assert!(plot("Calls", "/s", &[line], Window::of(&[], 0)).into_string().contains("no data yet"));
    }

    #[test]
    fn a_plot_shows_the_time_since_the_start_up_to_an_hour() {
        let minutes = |number: i64| number * 60_000;
        let told = |first: i64, now: i64| Window::of(&[Sample { at: first, ..Sample::default() }], now).told();
        assert_eq!(told(0, 1_000), "minute");
        assert_eq!(told(0, minutes(7)), "7 min");
        assert_eq!((told(5_000, minutes(60)), told(0, minutes(300))), ("hour".to_owned(), "hour".to_owned()));
        let window = Window::of(&[Sample::default()], minutes(2));
        assert_eq!(path(&[(0, 1.0), (minutes(1), 0.0)], 1.0, window), "0.0,3.0 120.0,53.0 ");
    }
}
