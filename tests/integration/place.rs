//! A lake in a folder or in a bucket, and what a reader that is not ours sees of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::{ACCOUNT, Run, command, repository, run};
use super::s3_server::S3Server;

/// Where a test keeps its lake.
pub struct Place {
    pub out: String,
    pub environment: Vec<(&'static str, String)>,
    _folder: Option<TempDir>,
}

impl Place {
    pub fn folder() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("lake").display().to_string();
        Place { out, environment: Vec::new(), _folder: Some(folder) }
    }

    pub fn bucket(server: &S3Server) -> Place {
        Place::at(&server.new_lake(), server)
    }

    /// A URL of one's own.
    pub fn at(out: &str, server: &S3Server) -> Place {
        Place { out: out.to_owned(), environment: server.environment(), _folder: None }
    }

    /// `convert --json` into it; the caller may add to the command.
    pub fn convert(&self, inputs: &Path) -> Command {
        let mut command = command();
        command.args(["convert", "--account", ACCOUNT, "--json", "--out", &self.out]).arg(inputs);
        self.surround(&mut command);
        command
    }

    /// Gives a command the environment that leads here, and none of the caller's.
    pub fn surround(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
    }

    /// Rows and left-overs as `tests/lakes/fingerprint.py` tells them.
    #[track_caller]
    pub fn fingerprint(&self) -> Value {
        let mut python = Command::new(repository().join(".venv/bin/python"));
        python.arg(repository().join("tests/lakes/fingerprint.py")).arg(&self.out);
        self.surround(&mut python);
        let done: Run = run(&mut python);
        assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
        done.summary()
    }

    /// Rows as in an undisturbed lake, each once; ledger and objects agree; nothing is left over.
    #[track_caller]
    pub fn is_like(&self, undisturbed: &Value, said: &str) {
        let found = self.fingerprint();
        for list in ["doubled_parts", "ledger_gaps", "orphans", "pending", "staging", "uploads"] {
            assert_eq!(found[list], json!([]), "{list} after {said}");
        }
        assert_eq!(found["parts"], undisturbed["parts"], "{said}");
        assert_eq!(found["tables"], undisturbed["tables"], "{said}");
        for (table, figures) in found["tables"].as_object().unwrap() {
            assert_eq!(figures[0], figures[2], "{table}: a key stands twice after {said}");
        }
    }
}

/// The fingerprint of a lake that nothing disturbed.
pub fn undisturbed(inputs: &Path) -> Value {
    let place = Place::folder();
    run(&mut place.convert(inputs)).exits(0);
    let found = place.fingerprint();
    place.is_like(&found, "no disturbance");
    found
}

/// Adds a part of the same day whose rows hardly compress: they make an object of two pieces of 5 MiB and more.
pub fn add_large_part(inputs: &Path) {
    let mut agent = std::fs::read_dir(inputs)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name.starts_with("Agent.") && name.contains("part-00000-0"))
        .unwrap();
    agent = agent.trim_end_matches(".gz").replace("part-00000-0", "part-00099-0");
    let mut text = String::new();
    let mut dice: u64 = 0x2545_F491_4F6C_DD1D;
    let mut random = |letters: usize| -> String {
        (0..letters)
            .map(|_| {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                char::from(b'0' + (dice % 75) as u8).to_ascii_lowercase()
            })
            .map(|c| if c == '\\' { '_' } else { c })
            .collect()
    };
    for record in 0..240 {
        let items: Vec<String> = (0..50)
            .map(|item| {
                format!(
                    r#"{{"agentID":{{"long":{item}}},"type":{{"long":3}},"timestamp":{{"long":1465992202047}},"agentEmployeeId":{{"string":"{}"}}}}"#,
                    random(1200)
                )
            })
            .collect();
        text += &format!(
            r#"{{"dataType":{{"com.liveperson.dataaccess.DataTypeEnum":"AgentActivity"}},"metaData":{{"accountId":{{"string":"{ACCOUNT}"}},"schemaVersion":"1.0.0.4","startTime":null,"endTime":null}},"recordCollection":[{{"body":{{"com.liveperson.dataaccess.AgentActivityData":{{"header":{{"com.liveperson.dataaccess.AgentHeader":{{"agentSessionId":{{"string":"s{record}"}}}}}},"agentSessionsData":{{"array":[{}]}}}}}}}}]}}"#,
            items.join(",")
        );
        text.push('\n');
    }
    std::fs::write(inputs.join(agent), text).unwrap();
}

/// Generated files with times that end before any reasonable test runs.
pub fn small_inputs(folder: &Path, size: &str, seed: u64) -> PathBuf {
    super::program::generated(folder, size, seed)
}
