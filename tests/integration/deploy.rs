//! The files of `deploy/`: they parse, their command lines and configurations are ones that the program takes, and
//! each exit code is treated as `--help` says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use lp_archive::exit::Exit;
use serde_json::Value;
use tempfile::TempDir;

use super::program::{command, python, repository, run};

fn file(path: &str) -> PathBuf {
    repository().join("deploy").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap()
}

/// Codes that someone has to mend something for.
fn needs_someone() -> Vec<i32> {
    Exit::ALL
        .into_iter()
        .filter(|exit| *exit != Exit::Done && !exit.worth_a_retry())
        .map(Exit::code)
        .collect()
}

/// A folder for PATH with an `lp-archive` that ends with `$EXIT_CODE` (or `never`) and notes its arguments, and a `sleep` that
/// notes its pause.
fn stand_ins() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in [
        (
            "lp-archive",
            "echo \"$*\" >> \"$(dirname \"$0\")/calls\"\n[ \"$EXIT_CODE\" = never ] && exec /bin/sleep 60\nexit \"$EXIT_CODE\"",
        ),
        ("sleep", "echo \"$1\" >> \"$(dirname \"$0\")/pauses\""),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// The real program understands this command line.
#[track_caller]
fn understood(words: &[&str]) {
    run(command().args(words).arg("--help")).exits(0);
}

/// The real program takes this configuration, with the paths of secrets, keys and lake moved into a folder.
#[track_caller]
fn accepted(configuration: &str, moved: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for name in ["secrets", "keys", "spool"] {
        fs::create_dir(at.join(name)).unwrap();
    }
    let key = fs::read(repository().join("fixtures/pgp/second-key.asc")).unwrap();
    for (name, bytes) in [
        ("secrets/client_id", &b"an-id"[..]),
        ("secrets/client_secret", b"a-secret"),
        ("secrets/passphrase", b"correct horse"),
        ("secrets/2026.asc", &key),
        ("keys/2026.asc", &key),
    ] {
        fs::write(at.join(name), bytes).unwrap();
        fs::set_permissions(at.join(name), fs::Permissions::from_mode(0o440)).unwrap();
    }
    let mut configuration = configuration.to_owned();
    for (from, to) in moved {
        assert!(configuration.contains(from), "{from} is not in\n{configuration}");
        configuration = configuration.replace(from, at.join(to).to_str().unwrap());
    }
    fs::write(at.join("lp-archive.toml"), configuration).unwrap();
    let shown = run(command().current_dir(at).args(["config", "show"])).exits(0);
    assert_eq!(shown.stderr, "", "warnings");
}

#[test]
fn the_example_configuration_is_accepted() {
    accepted(&text("lp-archive.toml"), &[]);
}

#[test]
fn cron_tries_again_what_passes() {
    let script = file("cron/lp-archive-nightly");
    assert_eq!(fs::metadata(&script).unwrap().permissions().mode() & 0o111, 0o111, "it is not executable");
    for code in [0, 1, 2, 3, 4, 5, 6, 101, 130, 137] {
        let stand_ins = stand_ins();
        let path = format!("{}:{}", stand_ins.path().display(), std::env::var("PATH").unwrap());
        let mut script = Command::new(&script);
        let done =
            run(script.arg("--strict").env("PATH", path).env("EXIT_CODE", code.to_string())).exits(code);
        assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
        let calls = fs::read_to_string(stand_ins.path().join("calls")).unwrap();
        let at_once = code == 0 || code == 130 || needs_someone().contains(&code);
        assert_eq!(calls.lines().count(), if at_once { 1 } else { 4 }, "{code}");
        let pauses = fs::read_to_string(stand_ins.path().join("pauses")).unwrap();
        assert_eq!(pauses, if at_once { "0\n" } else { "0\n300\n900\n3600\n" });
        let words: Vec<&str> = calls.lines().next().unwrap().split(' ').collect();
        assert_eq!(words.last(), Some(&"--strict"));
        understood(&words);
    }
}

#[test]
fn the_crontab_runs_the_script() {
    let crontab = text("cron/lp-archive.cron");
    let line = crontab.lines().rfind(|line| !line.is_empty()).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[5..], ["lp-archive", "lp-archive-nightly"]);
    assert!(words[..5].iter().all(|word| *word == "*" || word.parse::<u8>().is_ok()), "{words:?}");
    assert!(crontab.ends_with('\n'), "cron passes over a last line without an end");
}

#[test]
fn systemd_runs_it_again_where_that_helps() {
    let unit = text("systemd/lp-archive.service");
    let value = |key: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_else(|| panic!("no {key} in\n{unit}")).to_owned()
    };
    let codes: Vec<i32> =
        value("RestartPreventExitStatus=").split(' ').map(|code| code.parse().unwrap()).collect();
    assert_eq!(codes, needs_someone());
    let start = value("ExecStart=");
    let words: Vec<&str> = start.split(' ').skip(1).collect();
    understood(&words);

    // systemd's own opinion, where it is installed.
    let folder = tempfile::tempdir().unwrap();
    let real = unit.replace("/usr/local/bin/lp-archive", env!("CARGO_BIN_EXE_lp-archive"));
    fs::write(folder.path().join("lp-archive.service"), real).unwrap();
    fs::write(folder.path().join("lp-archive.timer"), text("systemd/lp-archive.timer")).unwrap();
    let verify = Command::new("systemd-analyze")
        .args(["verify", "lp-archive.service", "lp-archive.timer"])
        .current_dir(folder.path())
        .output();
    match verify {
        Ok(said) => {
            let stderr = String::from_utf8_lossy(&said.stderr);
            let about_us: Vec<&str> = stderr.lines().filter(|line| line.contains("lp-archive")).collect();
            assert!(said.status.success() && about_us.is_empty(), "{stderr}");
        }
        Err(_) => eprintln!("systemd-analyze is not installed: the units were not verified"),
    }
}

/// The YAML documents of a file.
fn yaml(path: &Path, more: &[&str]) -> Vec<Value> {
    let mut arguments: Vec<&std::ffi::OsStr> = more.iter().map(std::ffi::OsStr::new).collect();
    arguments.push(path.as_os_str());
    let files: Vec<Vec<Value>> =
        serde_json::from_value(python("deploy/yaml_to_json.py", &arguments).exits(0).summary()).unwrap();
    files.into_iter().flatten().collect()
}

#[test]
fn kubernetes_runs_it_again_where_that_helps() {
    for (volume, kinds) in [
        (&[][..], &["ConfigMap", "ServiceAccount", "CronJob"][..]),
        (&["--volume"], &["ConfigMap", "ServiceAccount", "CronJob", "PersistentVolumeClaim"]),
    ] {
        let documents = yaml(&file("kubernetes/cronjob.yaml"), volume);
        let found: Vec<&str> = documents.iter().map(|one| one["kind"].as_str().unwrap()).collect();
        assert_eq!(found, kinds);
        let cron = &documents[2]["spec"];
        assert_eq!(cron["concurrencyPolicy"], "Forbid");
        let job = &cron["jobTemplate"]["spec"];
        let rule = &job["podFailurePolicy"]["rules"][0];
        assert_eq!((&rule["action"], &rule["onExitCodes"]["operator"]), (&"FailJob".into(), &"In".into()));
        let codes: Vec<i32> = serde_json::from_value(rule["onExitCodes"]["values"].clone()).unwrap();
        assert_eq!(codes, needs_someone());
        assert!(job["backoffLimit"].as_u64() > Some(0));

        let pod = &job["template"]["spec"];
        // podFailurePolicy is refused with any other.
        assert_eq!(pod["restartPolicy"], "Never");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        let container = &pod["containers"][0];
        assert_eq!(rule["onExitCodes"]["containerName"], container["name"]);
        let safe = &container["securityContext"];
        assert_eq!(
            (&safe["readOnlyRootFilesystem"], &safe["allowPrivilegeEscalation"]),
            (&true.into(), &false.into())
        );
        let names = |list: &Value| -> Vec<String> {
            let list = list.as_array().unwrap();
            list.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&container["volumeMounts"]), names(&pod["volumes"]));

        let line: Vec<&str> =
            container["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(line[0], "lp-archive");
        understood(&line[1..]);
        let mount = |path: &str| {
            container["volumeMounts"].as_array().unwrap().iter().any(|mount| mount["mountPath"] == path)
        };
        for path in ["/etc/lp-archive", "/run/secrets/lp-archive", "/spool"] {
            assert!(mount(path), "nothing is mounted at {path}");
        }
        let configuration = documents[0]["data"]["lp-archive.toml"].as_str().unwrap();
        accepted(configuration, &[("/run/secrets/lp-archive", "secrets"), ("/spool", "spool")]);
    }
}

#[test]
fn airflow_tries_again_what_passes() {
    let stand_ins = stand_ins();
    let dag = file("airflow/lp_archive_dag.py");
    let done = python("deploy/check_dag.py", &[dag.as_os_str(), stand_ins.path().as_os_str()]).exits(0);
    let said = done.summary();
    for (code, outcome) in said["outcome"].as_object().unwrap() {
        let expected = match code.parse().unwrap() {
            0 => "success",
            code if needs_someone().contains(&code) => "fail",
            _ => "retry",
        };
        assert_eq!(outcome, expected, "{code}");
    }
    let words: Vec<&str> =
        said["arguments"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    understood(&words);
    let calls = fs::read_to_string(stand_ins.path().join("calls")).unwrap();
    assert_eq!((calls.lines().count(), calls.lines().next()), (10, Some(words.join(" ").as_str())));
}

/// What the README of the folder links to and names is there, and nothing else is.
#[test]
fn every_file_is_told_of() {
    let readme = text("README.md");
    for path in super::program::listing(&repository().join("deploy")).keys() {
        let name = path.to_str().unwrap();
        assert!(
            name == "README.md" || name.contains("__pycache__") || readme.contains(&format!("({name})")),
            "{name}"
        );
    }
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let path = link.split('#').next().unwrap();
        assert!(link.starts_with("http") || file(path).exists(), "{link} leads nowhere");
    }
}
