//! Decoding: gzip and PGP in any order, whole files and single values, keys held and keys missing. All
//! messages are made by GnuPG; the oracle opens them with GnuPG, too.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::gnupg::{EXPIRED, FIRST, Gnupg, PASSPHRASE, SECOND, STRANGER, key_file};
use super::program::{ACCOUNT, Run, command, compare, gzip, kept, lake_is_tidy, numbers, objects, run};

const AGENT: &str = "Agent.1465992000000.1465995600000.part-";

/// One envelope with one event for each agent.
fn agents(ids: &[i64]) -> Value {
    let events: Vec<Value> = ids.iter().map(|id| event(*id)).collect();
    envelope(json!({ "com.liveperson.dataaccess.AgentActivityData": {
        "header": { "com.liveperson.dataaccess.AgentHeader": { "agentSessionId": { "string": "session-1" } } },
        "agentSessionsData": { "array": events },
    }}))
}

fn event(id: i64) -> Value {
    json!({
        "agentID": { "long": id },
        "timestamp": { "long": 1_465_992_202_047_i64 },
        "agentNickname": { "string": format!("Agent {id} \u{e9}\u{1f600}") },
        "userProfileIDs": { "array": [1, 2] },
    })
}

fn envelope(body: Value) -> Value {
    json!({
        "dataType": { "com.liveperson.dataaccess.DataTypeEnum": "AgentActivity" },
        "metaData": { "accountId": { "string": ACCOUNT }, "schemaVersion": "1.0.0.4",
            "startTime": { "long": 1_465_992_202_047_i64 }, "endTime": null },
        "recordCollection": [{ "body": body }],
    })
}

fn lines(documents: &[Value]) -> Vec<u8> {
    documents.iter().flat_map(|d| format!("{d}\n").into_bytes()).collect()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// `convert` with secret keys of `fixtures/pgp`.
fn convert(lake: &Path, inputs: &Path, keys: &[&str], passphrase: Option<&str>) -> Run {
    let mut command = command();
    command.args(["convert", "--account", ACCOUNT, "--json", "--out"]).arg(lake);
    for key in keys {
        command.arg("--pgp-key").arg(key_file(key));
    }
    if let Some(passphrase) = passphrase {
        command.env("LP_ARCHIVE_PGP_PASSPHRASE", passphrase);
    }
    run(command.arg(inputs))
}

fn write(folder: &Path, files: &[(&str, Vec<u8>)]) -> PathBuf {
    let inputs = folder.join("in");
    fs::create_dir_all(&inputs).unwrap();
    for (index, (_, bytes)) in files.iter().enumerate() {
        fs::write(inputs.join(format!("{AGENT}{index:05}-0.gz")), bytes).unwrap();
    }
    inputs
}

/// Each file holds one envelope with two events; all must become rows.
fn all_open(files: &[(&str, Vec<u8>)], keys: &[&str], passphrase: Option<&str>) {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = write(temporary.path(), files);
    let lake = temporary.path().join("lake");
    let done = convert(&lake, &inputs, keys, passphrase);
    let names: Vec<_> = files.iter().map(|(what, _)| what).collect();
    assert_eq!(done.code, Some(0), "of {names:?}: {}\n{}", done.stdout, done.stderr);
    let rows = numbers(&done.summary()["rows"]);
    assert_eq!(rows["agent_activity"], 2 * files.len() as u64, "of {names:?}: {}", done.stderr);
    lake_is_tidy(&lake);
}

#[test]
fn whole_files_of_every_make_are_opened() {
    let gnupg = Gnupg::new();
    let plain = lines(&[agents(&[1, 2])]);
    let zipped = gzip(&plain);
    let with_key = |message: Vec<u8>| [message, gnupg.public_key(FIRST)].concat();
    let to_first = ["--armor", "--recipient", FIRST];
    let mut files = vec![
        ("plain", plain.clone()),
        ("gzip", zipped.clone()),
        ("armored around gzip", gnupg.message(&zipped, FIRST)),
        ("binary around gzip", gnupg.encrypt(&zipped, &["--recipient", FIRST])),
        ("armored in gzip", gzip(&gnupg.message(&plain, FIRST))),
        ("binary in gzip", gzip(&gnupg.encrypt(&plain, &["--recipient", FIRST]))),
        ("armored, public key after", with_key(gnupg.message(&plain, FIRST))),
        ("armored around gzip, public key after", with_key(gnupg.message(&zipped, FIRST))),
        ("in gzip, public key after", gzip(&with_key(gnupg.message(&plain, FIRST)))),
        ("gzip in PGP in gzip", gzip(&gnupg.message(&zipped, FIRST))),
        (
            "two recipients",
            gnupg.encrypt(&plain, &["--armor", "--recipient", STRANGER, "--recipient", FIRST]),
        ),
        ("hidden recipient", gnupg.encrypt(&plain, &["--armor", "--hidden-recipient", FIRST])),
        (
            "signed",
            gnupg.encrypt(&plain, &["--armor", "--sign", "--local-user", FIRST, "--recipient", FIRST]),
        ),
        (
            "signed by a stranger",
            gnupg.encrypt(&plain, &["--armor", "--sign", "--local-user", STRANGER, "--recipient", FIRST]),
        ),
        ("AES-128", gnupg.encrypt(&plain, &["--armor", "--cipher-algo", "AES", "--recipient", FIRST])),
        ("CRLF armor", text(gnupg.message(&plain, FIRST)).replace('\n', "\r\n").into_bytes()),
    ];
    for compression in ["zip", "zlib", "bzip2", "none"] {
        let options = [&to_first[..], &["--compress-algo", compression]].concat();
        files.push((compression, gnupg.encrypt(&plain, &options)));
    }
    all_open(&files, &["first-key"], None);
}

#[test]
fn old_and_protected_keys_open_their_files() {
    let gnupg = Gnupg::new();
    let plain = lines(&[agents(&[1, 2])]);
    let files =
        [FIRST, SECOND, EXPIRED].map(|recipient| (recipient, gnupg.message(&gzip(&plain), recipient)));
    all_open(&files, &["first-key", "second-key", "expired-key"], Some(PASSPHRASE));
}

#[test]
fn encrypted_values_records_and_bodies_are_opened_in_place() {
    let gnupg = Gnupg::new();
    let seal = |plain: &str| text(gnupg.message(plain.as_bytes(), FIRST));
    let key = text(gnupg.public_key(FIRST));
    let mut values = event(1);
    values["agentNickname"] = json!({ "string": seal("Robin \"Ex\" Ample\n\u{e9}") });
    values["agentUsername"] = json!({ "string": format!("{}{key}", seal("r.ample")) });
    values["agentLoginname"] = json!({ "string": seal("r.ample@example.com").replace('\n', "\r\n") });
    values["agentEmployeeId"] = json!(seal("0042"));
    values["agentGroupID"] = json!({ "long": seal("77") });
    values["userProfileIDs"] = json!({ "array": seal("[3,4]") });
    let mut sibling = event(2);
    sibling["agentNickname"] = json!({ "string": seal("with its key beside it") });
    sibling["publicKey"] = json!(key);
    let item = json!(seal(&event(3).to_string()));
    let body = json!({ "com.liveperson.dataaccess.AgentActivityData": {
        "header": { "com.liveperson.dataaccess.AgentHeader": { "agentSessionId": { "string": "session-2" } } },
        "agentSessionsData": { "array": [values, sibling, item] },
    }});
    let whole_body = json!(seal(&agents(&[4, 5])["recordCollection"][0]["body"].to_string()));
    let inside_wrapper = json!({ "com.liveperson.dataaccess.AgentActivityData": seal(
        &agents(&[6])["recordCollection"][0]["body"]["com.liveperson.dataaccess.AgentActivityData"].to_string()
    )});
    let documents = [envelope(body), envelope(whole_body), envelope(inside_wrapper)];
    let temporary = tempfile::tempdir().unwrap();
    let inputs = write(temporary.path(), &[("values", gzip(&lines(&documents)))]);
    let lake = temporary.path().join("lake");
    let summary = convert(&lake, &inputs, &["first-key"], None).exits(0).summary();
    assert_eq!(summary["unknown_fields"], 0, "an attached key is part of the encryption: {summary}");
    assert_eq!(summary["mistyped"], 0, "{summary}");
    let rows = compare(&lake, &[&inputs], &["--gnupg", gnupg.home()]);
    assert_eq!(rows["agent_activity"], 6);
}

#[test]
fn a_record_on_a_line_of_its_own_is_opened() {
    let gnupg = Gnupg::new();
    let message = gnupg.message(agents(&[1, 2]).to_string().as_bytes(), FIRST);
    let as_string = json!(text(message.clone())).to_string().into_bytes();
    let key = gnupg.public_key(FIRST);
    let plain = lines(&[agents(&[3])]);
    let data = [plain.clone(), message, key, as_string, b"\n".to_vec(), plain].concat();
    let temporary = tempfile::tempdir().unwrap();
    let inputs = write(temporary.path(), &[("records", data)]);
    let lake = temporary.path().join("lake");
    let summary = convert(&lake, &inputs, &["first-key"], None).exits(0).summary();
    assert_eq!(numbers(&summary["rows"])["agent_activity"], 6, "{summary}");
    assert_eq!(summary["records"], 4, "{summary}");
}

#[test]
fn a_missing_key_costs_its_part_alone_and_names_the_ids() {
    let gnupg = Gnupg::new();
    let message = gnupg.message(&gzip(&lines(&[agents(&[1])])), STRANGER);
    let sealed = text(gnupg.message(b"Robin", STRANGER));
    let mut document = agents(&[2]);
    document["recordCollection"][0]["body"]["com.liveperson.dataaccess.AgentActivityData"]["agentSessionsData"]
        ["array"][0]["agentNickname"] = json!({ "string": sealed });
    let files = [("file", message.clone()), ("value", lines(&[document])), ("sound", lines(&[agents(&[3])]))];
    let temporary = tempfile::tempdir().unwrap();
    let inputs = write(temporary.path(), &files);
    let lake = temporary.path().join("lake");
    let done = convert(&lake, &inputs, &["first-key"], None).exits(5);
    let summary = done.summary();
    assert_eq!(numbers(&summary["rows"])["agent_activity"], 1, "{summary}");
    assert_eq!(summary["failed"].as_array().unwrap().len(), 2, "{summary}");
    for user in [STRANGER, FIRST] {
        let id = encryption_key_id(&gnupg, user);
        assert!(
            done.stderr.to_uppercase().contains(&id),
            "key id {id} of {user} is not named:\n{}",
            done.stderr
        );
    }
    // Kept as received, still encrypted.
    let raw = kept(&lake, "raw");
    let held = raw.iter().map(|path| fs::read(lake.join("_lp_archive/raw").join(path)).unwrap());
    assert!(held.into_iter().any(|bytes| bytes == message), "the part is not under raw/: {raw:?}");
    // Once the key is there, the next run archives what was left.
    let before = objects(&lake).len();
    let summary = convert(&lake, &inputs, &["first-key", "stranger-key"], None).exits(0).summary();
    assert_eq!(summary["parts"], 2, "{summary}");
    assert!(objects(&lake).len() > before);
    lake_is_tidy(&lake);
}

#[test]
fn a_wrong_or_missing_passphrase_says_so() {
    let gnupg = Gnupg::new();
    let files = [("protected", gnupg.message(&lines(&[agents(&[1])]), SECOND))];
    let temporary = tempfile::tempdir().unwrap();
    let inputs = write(temporary.path(), &files);
    for (name, passphrase) in [("none", None), ("wrong", Some("wrong horse"))] {
        let done = convert(&temporary.path().join(name), &inputs, &["second-key"], passphrase).exits(5);
        assert!(done.stderr.contains("passphrase"), "{}", done.stderr);
        assert!(!done.stderr.contains("wrong horse"), "the passphrase is printed");
    }
}

#[test]
fn a_tampered_message_is_damage() {
    let gnupg = Gnupg::new();
    let mut binary = gnupg.encrypt(&lines(&[agents(&[1])]), &["--recipient", FIRST]);
    let at = binary.len() - 20;
    binary[at] ^= 0x55;
    let temporary = tempfile::tempdir().unwrap();
    let inputs = write(temporary.path(), &[("tampered", binary), ("sound", lines(&[agents(&[2])]))]);
    let lake = temporary.path().join("lake");
    let summary = convert(&lake, &inputs, &["first-key"], None).exits(3).summary();
    assert_eq!(numbers(&summary["rows"])["agent_activity"], 1, "{summary}");
    assert_eq!(summary["failed"].as_array().unwrap().len(), 1, "{summary}");
}

/// Key id of the subkey that messages to a user are encrypted to, as GnuPG prints it.
fn encryption_key_id(gnupg: &Gnupg, user: &str) -> String {
    let output = std::process::Command::new("gpg")
        .args(["--homedir", gnupg.home(), "--batch", "--with-colons", "--list-keys", user])
        .output()
        .unwrap();
    let listed = text(output.stdout);
    let subkey = listed.lines().find(|line| line.starts_with("sub:")).unwrap();
    subkey.split(':').nth(4).unwrap().to_owned()
}
