//! Times, numbers and statuses as people read them.

use maud::{Markup, html};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time in milliseconds since the Unix epoch, as RFC 3339 without fractions.
pub(super) fn rfc3339(millis: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// A time, as the distance from `now`; the exact time is its title.
pub(super) fn moment(millis: i64, now: i64) -> Markup {
    let exact = rfc3339(millis);
    let distance = span((millis - now).unsigned_abs());
    html! {
        time datetime=(exact) title=(exact.replace('T', " ")) {
            @if millis > now { "in " (distance) } @else { (distance) " ago" }
        }
    }
}

/// A duration in milliseconds, in its largest unit or two.
pub(super) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0 => "moments".to_owned(),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A duration in milliseconds, in its largest unit.
pub(super) fn short_span(millis: u64) -> String {
    let whole = span(millis);
    let mut words = whole.split(' ');
    [words.next(), words.next()].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// How long a call took.
pub(super) fn took(millis: u64) -> String {
    if millis < 10_000 { format!("{millis} ms") } else { span(millis) }
}

/// A word with the colour of its meaning.
pub(super) fn badge(word: &str) -> Markup {
    let class = match word {
        "succeed" | "success" => "badge good",
        "failed" | "failure" | "parked" | "unreadable" => "badge bad",
        "aborting" | "missed" | "unknown" | "overdue" | "retry" | "query_prepared" | "nobody_to_ask" => "badge warn",
        _ => "badge",
    };
    html! { span class=(class) { (word.replace('_', " ")) } }
}

/// Text from outside. Marks that reverse the direction of text stay inside of it.
pub(super) fn foreign(text: &str) -> Markup {
    html! { bdi { (text) } }
}

/// A sentence of ours, in which words between backticks are marked as code. It may have text from outside.
pub(super) fn sentence(text: &str) -> Markup {
    html! {
        bdi {
            @for (index, part) in text.split('`').enumerate() {
                @if index % 2 == 1 { code { (part) } } @else { (part) }
            }
        }
    }
}

/// An address without its query, in which anything may stand.
pub(super) fn address(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

/// A gid as a link to its page.
pub(super) fn gid(gid: &str) -> Markup {
    let href = format!("/console/transaction?gid={}", escaped(gid));
    html! { a.gid href=(href) { bdi { (gid) } } }
}

/// A value for a query.
pub(super) fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_one_unit_or_two() {
        for (millis, text) in [
            (999, "moments"),
            (59_000, "59 s"),
            (61_000, "1 min 1 s"),
            (3_660_000, "1 h 1 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(span(millis), text);
        }
        assert_eq!(sentence("a `b` <c").into_string(), "<bdi>a <code>b</code> &lt;c</bdi>");
        assert!(moment(0, 5_000).into_string().contains("5 s ago"));
        assert!(moment(5_000, 0).into_string().contains("in 5 s"));
    }
}
