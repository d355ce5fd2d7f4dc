//! What is written about the program and must follow it: the reference of the tables, every key of the JSON and every
//! metric in the README, its links and its command lines.

use std::collections::BTreeSet;
use std::fs;

use lp_archive::demo::service::{FaultAct, Faults, Match, StandInOptions};
use serde_json::Value;

use super::program::{command, lp, repository, run};
use super::stand_in::{Method, Scene};

fn readme() -> String {
    fs::read_to_string(repository().join("README.md")).unwrap()
}

/// The text of a section of the README, to the next one of the same depth.
#[track_caller]
fn section(title: &str) -> String {
    let readme = readme();
    let rest =
        readme.split(&format!("\n## {title}\n")).nth(1).unwrap_or_else(|| panic!("no section {title}"));
    rest.split("\n## ").next().unwrap().to_owned()
}

#[test]
fn the_reference_of_the_tables_is_up_to_date() {
    let written = fs::read_to_string(repository().join("docs/tables.md")).unwrap();
    let now = lp(&["schema", "--markdown"]).exits(0).stdout;
    assert!(written == now, "out of date; write it anew: cargo run -- schema --markdown > docs/tables.md");
    assert!(readme().contains("(docs/tables.md)"));
}

/// Every key of an object and of the objects in it; what lies below `rows` is named by data.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                found.insert(key.clone());
                if key != "rows" {
                    keys(member, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[track_caller]
fn told_in(text: &str, what: &str, names: &BTreeSet<String>) {
    assert!(!names.is_empty());
    let missing: Vec<_> = names.iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "the README does not tell of {missing:?} of {what}");
}

/// A run with something of everything: a stream that fails, a part that fails, rows.
#[test]
fn every_key_and_every_metric_is_told() {
    let scene = Scene::new(StandInOptions::default(), Method::Bearer);
    let refused = FaultAct::Status { code: 403, retry_after: None };
    let gone = FaultAct::Status { code: 404, retry_after: None };
    scene.service.set_faults(
        Faults::none()
            .always(Match::Path("/le/engagement".into()), refused)
            .always(Match::Path("part-00001".into()), gone),
    );
    let machines = section("JSON for machines");
    let of = |text: &str| {
        let mut found = BTreeSet::new();
        for line in text.lines() {
            keys(&serde_json::from_str(line).unwrap(), &mut found);
        }
        found
    };
    told_in(&machines, "plan", &of(&scene.run("plan", &[]).stdout));

    let metrics = scene.folder.path().join("lp-archive.prom");
    let log = run(command().args(["sync", "-v", "--json", "--log-format", "json", "--metrics-file"]).args([
        metrics.as_os_str(),
        "-c".as_ref(),
        scene.config.as_os_str(),
    ]));
    let summary = of(&log.stdout);
    assert!(summary.contains("unit") && summary.contains("complete"), "{summary:?}");
    told_in(&machines, "the summary", &summary);
    told_in(&machines, "a line of the log", &of(&log.stderr));
    let events: BTreeSet<String> = log
        .stderr
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].as_str().unwrap().to_owned())
        .collect();
    told_in(&machines, "the log's events", &events);

    let faults = include_str!("../../src/model/fault.rs").split("=> \"").skip(1);
    let codes = faults.filter_map(|rest| rest.split('"').next()).filter(|word| !word.contains(' '));
    told_in(&machines, "faults", &codes.map(str::to_owned).collect());

    for command in ["status", "verify", "doctor"] {
        let said = if command == "verify" {
            lp(&["verify", "--json", "--out", scene.lake.to_str().unwrap()])
        } else {
            scene.run(command, &[])
        };
        told_in(&machines, command, &of(&said.stdout));
    }

    let text = fs::read_to_string(&metrics).unwrap();
    let names: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert!(names.len() >= 15, "{names:?}");
    let watch = section("Watch it");
    told_in(&watch, "the metrics", &names);
    let labels: BTreeSet<String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split(['{', ',']).skip(1))
        .filter_map(|label| label.split_once("=\"").map(|(name, _)| name.to_owned()))
        .collect();
    told_in(&watch, "the metrics' labels", &labels);

    // And what is told, or alerted on, is there.
    let rules = fs::read_to_string(repository().join("deploy/prometheus/lp-archive.rules.yaml")).unwrap();
    for word in watch
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .chain(rules.split(|c: char| !c.is_alphanumeric() && c != '_'))
    {
        assert!(!word.starts_with("lp_archive_") || names.contains(word), "{word} is no metric");
    }
}

/// Links into the repository lead somewhere, those into the page too.
#[test]
fn links_lead_somewhere() {
    let readme = readme();
    let anchors: BTreeSet<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' '))
        .map(|title| {
            let kept = title.to_lowercase().replace(' ', "-");
            kept.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
        })
        .collect();
    let mut links = 0;
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        links += 1;
        match link.strip_prefix('#') {
            Some(anchor) => assert!(anchors.contains(anchor), "{link} leads nowhere; there are {anchors:?}"),
            None if link.starts_with("http") => {}
            None => assert!(repository().join(link).exists(), "{link} leads nowhere"),
        }
    }
    assert!(links > 10);
}

/// Each command line that the README and the files of `deploy/` show is one that the program understands.
#[test]
fn command_lines_are_understood() {
    let mut shown = 0;
    let deploy = fs::read_to_string(repository().join("deploy/README.md")).unwrap();
    for block in [readme(), deploy].iter().flat_map(|text| text.split("```sh\n").skip(1).collect::<Vec<_>>())
    {
        for line in block.split("```").next().unwrap().lines() {
            for call in line.split('#').next().unwrap().split(['|', ';', '&', '(']) {
                let call = call.split(['>', ')']).next().unwrap();
                let Some((before, words)) = call.rsplit_once("lp-archive ") else { continue };
                let about_files =
                    ["install", "export", "useradd"].iter().any(|word| before.starts_with(word));
                if before.ends_with(['/', '-', '.']) || about_files {
                    continue;
                }
                let words: Vec<&str> = words.split_whitespace().collect();
                run(command().args(&words).arg("--help")).exits(0);
                shown += 1;
            }
        }
    }
    assert!(shown > 15, "{shown} command lines");
}
