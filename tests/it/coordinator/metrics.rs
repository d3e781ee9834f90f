//! `/api/metrics`, parsed as strictly as the text format of `OpenMetrics` demands.

use std::collections::{BTreeMap, BTreeSet};

use branchwire_coordinator::Coordinator;
use branchwire_tests::database::TestDatabase;

use super::Running;

/// The families of a text by name, each with its type and its samples (name, labels, value).
type Families = BTreeMap<String, (String, Vec<(String, String, f64)>)>;

/// Reads a whole exposition; the error names the line.
fn parse(text: &str) -> Result<Families, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("it does not end with `# EOF`")?;
    let (mut families, mut described) = (Families::new(), BTreeSet::new());
    let mut current = String::new();
    for line in body.lines() {
        let wrong = |why: &str| Err(format!("{why}: {line}"));
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (Some(kind), Some(name), Some(rest)) = (words.next(), words.next(), words.next()) else {
                return wrong("a comment that is none");
            };
            if !matches!(kind, "HELP" | "TYPE" | "UNIT") || !is_name(name) {
                return wrong("a comment that is none");
            }
            if name != current && families.contains_key(name) {
                return wrong("a family that is not in one piece");
            }
            if !described.insert((kind.to_owned(), name.to_owned())) {
                return wrong("said twice of one family");
            }
            name.clone_into(&mut current);
            let family = families.entry(current.clone()).or_default();
            if !family.1.is_empty() {
                return wrong("a description after a sample");
            }
            if kind == "TYPE" {
                if !matches!(rest, "counter" | "gauge" | "histogram") {
                    return wrong("an unknown type");
                }
                rest.clone_into(&mut family.0);
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').ok_or_else(|| format!("no value: {line}"))?;
        let value: f64 = value.parse().map_err(|error| format!("{error}: {line}"))?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').ok_or_else(|| format!("no brace: {line}"))?),
            None => (series, ""),
        };
        if !is_name(name) || !are_labels(labels) {
            return wrong("names or labels that are none");
        }
        let Some((kind, samples)) = families.get_mut(&current) else { return wrong("a sample without a family") };
        let suffix = name.strip_prefix(current.as_str()).unwrap_or("?");
        let fits = match kind.as_str() {
            "counter" => suffix == "_total" && value >= 0.0,
            "gauge" => suffix.is_empty(),
            "histogram" => matches!(suffix, "_bucket" | "_sum" | "_count"),
            _ => false,
        };
        if !fits || samples.iter().any(|(other, others, _)| (other.as_str(), others.as_str()) == (name, labels)) {
            return wrong("not of this family, or there already");
        }
        samples.push((name.to_owned(), labels.to_owned(), value));
    }
    Ok(families)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// `name="value"` with commas between; in a value, backslash, quote and newline are escaped.
fn are_labels(mut labels: &str) -> bool {
    let mut names = BTreeSet::new();
    while !labels.is_empty() {
        let Some((name, rest)) = labels.split_once("=\"") else { return false };
        if !is_name(name) || !names.insert(name) {
            return false;
        }
        let mut end = None;
        let mut characters = rest.char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '\\' if !matches!(characters.next(), Some((_, '\\' | '"' | 'n'))) => return false,
                '"' => {
                    end = Some(index);
                    break;
                }
                _ => {}
            }
        }
        let Some(end) = end else { return false };
        labels = &rest[end + 1..];
        match labels.strip_prefix(',') {
            Some(more) if !more.is_empty() => labels = more,
            Some(_) => return false,
            None => return labels.is_empty(),
        }
    }
    true
}

#[test]
fn the_parser_is_strict() {
    let family = "# HELP a x.\n# TYPE a counter\na_total 1\n";
    parse(&format!("{family}# EOF\n")).expect("it is right");
    for wrong in [
        family.to_owned(),
        format!("{family}{family}# EOF\n"),
        format!("{family}a_total 2\n# EOF\n"),
        format!("{family}# HELP b x.\n# TYPE b gauge\nb 1\na_total{{x=\"1\"}} 1\n# EOF\n"),
        format!("{family}a_total{{x=\"a\"b\"}} 1\n# EOF\n"),
        format!("{family}a_total{{x=\"a\\x\"}} 1\n# EOF\n"),
        format!("{family}a 1\n# EOF\n"),
    ] {
        parse(&wrong).expect_err(&wrong);
    }
}

#[tokio::test]
async fn a_strict_scraper_reads_the_metrics() {
    let database = TestDatabase::sqlite();
    let coordinator = Running::start(Coordinator::builder().store(database.url())).await;
    let response = reqwest::get(format!("{}/api/metrics", coordinator.url)).await.expect("an answer");
    let content_type = response.headers()["content-type"].to_str().expect("text").to_owned();
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"), "{content_type}");
    let families = parse(&response.text().await.expect("text")).unwrap_or_else(|error| panic!("{error}"));
    for (name, count) in [("branchwire_branch_calls", 4), ("branchwire_transactions_ended", 2)] {
        assert_eq!((families[name].0.as_str(), families[name].1.len()), ("counter", count), "{name}");
    }
    let (kind, samples) = &families["branchwire_branch_call_seconds"];
    let buckets: Vec<_> = samples.iter().filter(|(name, ..)| name.ends_with("_bucket")).collect();
    assert_eq!(kind, "histogram");
    assert!(buckets.is_sorted_by_key(|(.., value)| *value));
    assert_eq!(buckets.last().map(|(_, labels, _)| labels.as_str()), Some("le=\"+Inf\""));
    coordinator.stop().await;
}

/// The types and labels of the documented metrics, by name.
fn documented() -> BTreeMap<String, (String, String)> {
    let rows = branchwire_coordinator::docs::METRICS.lines().filter_map(|line| line.strip_prefix("| `branchwire_"));
    let row = |row: &str| {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        (format!("branchwire_{}", cells[0].trim_end()), (cells[1].clone(), cells[2].clone()))
    };
    rows.map(row).collect()
}

async fn served() -> Families {
    let database = TestDatabase::sqlite();
    let coordinator = Running::start(Coordinator::builder().store(database.url())).await;
    let response = reqwest::get(format!("{}/api/metrics", coordinator.url)).await.expect("an answer");
    let families = parse(&response.text().await.expect("text")).unwrap_or_else(|error| panic!("{error}"));
    coordinator.stop().await;
    families
}

#[tokio::test]
async fn each_metric_is_in_the_table_with_its_type_and_its_labels() {
    let label = |labels: &str| labels.split_once('=').map_or("", |(name, _)| name).replace("le", "");
    let served = served().await.into_iter().map(|(name, (kind, samples))| {
        let labels: BTreeSet<_> = samples.iter().map(|(_, labels, _)| label(labels)).collect();
        (name, (kind, labels.into_iter().collect::<String>()))
    });
    assert_eq!(documented(), served.collect());
}

/// The names and labels of metrics that a query uses.
fn used(query: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = query.split(|c: char| !is_word(c)).filter(|word| word.starts_with("branchwire_"));
    let names = words.map(str::to_owned).collect();
    let mut labels = BTreeSet::new();
    for list in query.split("by (").skip(1).filter_map(|rest| rest.split_once(')')) {
        labels.extend(list.0.split(',').map(|label| label.trim().to_owned()));
    }
    for list in query.split('{').skip(1).filter_map(|rest| rest.split_once('}')) {
        labels
            .extend(list.0.split(',').filter_map(|pair| pair.split(['=', '!']).next()).map(|it| it.trim().to_owned()));
    }
    (names, labels)
}

/// All queries of a file of rules: each on the line of its rule.
fn queries_of_rules(rules: &str) -> Vec<String> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned).collect()
}

/// All queries of a JSON document.
fn queries(document: &serde_json::Value) -> Vec<String> {
    match document {
        serde_json::Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(query) if name == "expr" => vec![query.to_owned()],
                _ => queries(value),
            })
            .collect(),
        serde_json::Value::Array(list) => list.iter().flat_map(queries).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_dashboard_and_the_alert_rules_ask_for_metrics_that_are_served() {
    let samples: BTreeSet<String> =
        served().await.into_values().flat_map(|(_, samples)| samples.into_iter().map(|(name, ..)| name)).collect();
    let labels: BTreeSet<String> = documented().into_values().map(|(_, label)| label).collect();
    // Those that Prometheus and a histogram add.
    let known = |label: &String| labels.contains(label) || ["le", "instance", "job"].contains(&label.as_str());
    let dashboard = include_str!("../../../runtime/coordinator/deploy/grafana-dashboard.json");
    let rules = include_str!("../../../runtime/coordinator/deploy/prometheus-alerts.yml");
    assert_eq!(
        rules.matches("- alert: ").count(),
        queries_of_rules(rules).len(),
        "each rule has its query on one line"
    );
    for (queries, queries_min) in
        [(queries(&serde_json::from_str(dashboard).expect("JSON")), 15), (queries_of_rules(rules), 7)]
    {
        assert!(queries.len() >= queries_min, "the file is read: {queries:?}");
        for query in queries {
            assert_eq!(query.matches(['(', '{', '[']).count(), query.matches([')', '}', ']']).count(), "{query}");
            let (names, labels) = used(&query);
            assert!(!names.is_empty() || query.starts_with("up{"), "{query}");
            assert!(names.is_subset(&samples), "{query}: {:?}", names.difference(&samples));
            assert!(labels.iter().all(known), "{query}: {labels:?}");
        }
    }
}
