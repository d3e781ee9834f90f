//! The contrast of the style sheet's colours, computed as WCAG 2 does.

use std::collections::HashMap;

use super::assets::STYLE;

/// Which text stands on which ground.
const PAIRS: [(&str, &str); 20] = [
    ("text", "ground"),
    ("text", "surface"),
    ("muted", "ground"),
    ("muted", "surface"),
    ("link", "ground"),
    ("link", "surface"),
    ("on-accent", "accent"),
    ("good", "good-ground"),
    ("good", "surface"),
    ("good", "ground"),
    ("warn", "warn-ground"),
    ("warn", "surface"),
    ("warn", "ground"),
    ("bad", "bad-ground"),
    ("bad", "surface"),
    ("bad", "ground"),
    ("plain", "surface"),
    ("plain", "ground"),
    ("accent", "surface"),
    ("accent", "ground"),
];

fn palette(block: &str) -> HashMap<&str, [f64; 3]> {
    let colour = |line: &'static str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
        let value = u32::from_str_radix(value.trim_end_matches(';'), 16).expect("a colour");
        let part = |shift: u32| f64::from((value >> shift) & 0xff) / 255.0;
        Some((name, [part(16), part(8), part(0)]))
    };
    let start = STYLE.find(block).expect("the block") + block.len();
    STYLE[start..].lines().take_while(|line| line.trim() != "}").filter_map(colour).collect()
}

fn luminance(colour: [f64; 3]) -> f64 {
    let linear = |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
    0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2])
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_text_can_be_read_on_its_ground_in_light_and_dark() {
    let dark = STYLE.find("prefers-color-scheme: dark").expect("a dark palette");
    assert!(dark > 0);
    for (scheme, block) in [("light", ":root {\n"), ("dark", "dark) {\n  :root {\n")] {
        let colours = palette(block);
        for (text, ground) in PAIRS {
            let ratio = contrast(colours[text], colours[ground]);
            assert!(ratio >= 4.5, "{scheme}: {text} on {ground} has {ratio:.2}");
        }
    }
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 0.01, "the formula");
}

#[test]
fn no_rule_has_a_colour_of_its_own() {
    let rules = &STYLE[STYLE.find("* { box-sizing").expect("the rules")..];
    assert!(!rules.contains(": #") && !rules.contains("url(") && !rules.contains("@import"), "only the palette");
}
