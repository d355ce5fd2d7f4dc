//! The configuration as a whole: who beats whom, what errors say, what is never shown.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::model::AuthOptions;

/// A folder with a file of settings and a secret.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new(text: &str) -> Site {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("c.toml"), text).unwrap();
        fs::write(folder.path().join("secret"), "hunter2\n").unwrap();
        Site { folder }
    }

    fn inputs(&self, env: &[(&str, &str)], flags: Flags) -> Inputs {
        Inputs {
            config_file: Some(self.folder.path().join("c.toml")),
            environment: env.iter().copied().collect(),
            flags,
        }
    }

    /// Text of the fault without the folder's name.
    fn fault(&self, env: &[(&str, &str)]) -> String {
        let fault = Config::load(&self.inputs(env, Flags::default())).err().expect("a fault").to_string();
        fault.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

const GOOD: &str = r#"
[[account]]
id = "1"
region = "us"
[account.auth]
method = "oauth2"
client_id_file = "secret"
client_secret_file = "secret"
[archive]
out = "lake"
memory = "1GiB"
"#;

#[test]
fn flags_beat_environment_beats_file_beats_default() {
    let site = Site::new(GOOD);
    let env = [("LP_ARCHIVE_MEMORY", "2GiB")];
    let two = Flags { threads: Some("2".into()), ..Flags::default() };
    let flags = Flags { memory: Some("3GiB".into()), ..two.clone() };
    let file = format!("{}, line 11", site.folder.path().join("c.toml").display());
    for (env, flags, bytes, origin) in [
        (&[][..], two.clone(), 1 << 30, file.as_str()),
        (&env[..], two, 2 << 30, "LP_ARCHIVE_MEMORY"),
        (&env[..], flags, 3 << 30, "--memory"),
    ] {
        let (effective, config) = Config::explain(&site.inputs(env, flags));
        let config = config.ok().unwrap();
        assert_eq!(config.work.memory_bytes, bytes);
        assert_eq!(config.lake.buffer_bytes as u64, (bytes - (64 << 20)) / 2);
        let shown = |key: &str| effective.iter().find(|e| e.key == key).unwrap().origin.to_string();
        assert_eq!(shown("archive.memory"), origin);
        assert_eq!(shown("archive.batch_bytes"), "default");
    }
}

#[test]
fn threads_that_the_memory_does_not_allow_are_told() {
    let site = Site::new(GOOD);
    for (memory, told) in [("512MiB", true), ("4GiB", false)] {
        let flags = Flags { memory: Some(memory.into()), threads: Some("24".into()), ..Flags::default() };
        let config = Config::load(&site.inputs(&[], flags)).ok().unwrap();
        assert_eq!(config.work.threads, if told { 8 } else { 24 });
        assert_eq!(config.warnings.iter().any(|warning| warning.starts_with("8 threads work, not 24")), told);
    }
}

#[test]
fn a_good_file_gives_a_whole_config() {
    let site = Site::new(GOOD);
    let flags = Flags { streams: vec!["survey".into()], ..Flags::default() };
    let config = Config::load(&site.inputs(&[], flags)).ok().unwrap();
    assert_eq!(config.out, site.folder.path().join("lake").display().to_string());
    let service = &config.accounts[0].service;
    assert_eq!(service.base_url, "https://va.da.liveperson.net");
    assert_eq!(service.streams, Some(vec![crate::model::Stream::Survey]));
    assert_eq!(service.max_memory_part_bytes, 64 << 20);
    let AuthOptions::Oauth2 { client_secret, domain_api_url, .. } = &service.auth else { panic!() };
    assert_eq!(client_secret.expose(), "hunter2");
    assert_eq!(domain_api_url, "https://api.liveperson.net");
}

/// Two keys for one thing: the variable of one beats the file's other one.
#[test]
fn a_variable_for_the_place_of_the_data_beats_the_file() {
    for (in_file, variable, value, expected) in [
        ("region = \"us\"", "LP_ARCHIVE_BASE_URL", "http://127.0.0.1:1234", "http://127.0.0.1:1234"),
        ("base_url = \"http://localhost:1\"", "LP_ARCHIVE_REGION", "uk", "https://lo.da.liveperson.net"),
    ] {
        let site = Site::new(&GOOD.replace("region = \"us\"", in_file));
        let config = Config::load(&site.inputs(&[(variable, value)], Flags::default()));
        let config = config.unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(config.accounts[0].service.base_url, expected);
    }
    let both = [("LP_ARCHIVE_REGION", "us"), ("LP_ARCHIVE_BASE_URL", "http://localhost:1")];
    let fault = Site::new(GOOD).fault(&both);
    let both = "account[0].region (LP_ARCHIVE_REGION) and account[0].base_url (LP_ARCHIVE_BASE_URL) are both given: keep one";
    assert!(fault.contains(both), "{fault}");
}

#[test]
fn the_environment_alone_suffices() {
    let env = [
        ("LP_ARCHIVE_ACCOUNT_ID", "75555851"),
        ("LP_ARCHIVE_BASE_URL", "http://127.0.0.1:1234/"),
        ("LP_ARCHIVE_AUTH_METHOD", "oauth1"),
        ("LP_ARCHIVE_CONSUMER_KEY", "a"),
        ("LP_ARCHIVE_CONSUMER_SECRET", "b"),
        ("LP_ARCHIVE_TOKEN", "c"),
        ("LP_ARCHIVE_TOKEN_SECRET", "d"),
        ("LP_ARCHIVE_PGP_PASSPHRASE", "e"),
        ("LP_ARCHIVE_STREAMS", "survey, webSession"),
        ("LP_ARCHIVE_OUT", "s3://bucket/lake"),
    ];
    let inputs = Inputs { environment: env.into_iter().collect(), ..Inputs::default() };
    let config = Config::load(&inputs).unwrap_or_else(|fault| panic!("{fault}"));
    let account = &config.accounts[0];
    assert_eq!(account.service.base_url, "http://127.0.0.1:1234");
    assert_eq!(account.service.streams.as_ref().unwrap().len(), 2);
    assert_eq!(account.pgp.passphrase.as_ref().unwrap().expose(), "e");
    assert!(matches!(&account.service.auth, AuthOptions::Oauth1 { token, .. } if token.expose() == "c"));
    assert!(config.warnings.is_empty());
}

#[test]
fn no_secret_is_ever_shown() {
    let site = Site::new(GOOD);
    let env = [("LP_ARCHIVE_CLIENT_SECRET", "swordfish"), ("LP_ARCHIVE_PGP_PASSPHRASE", "open sesame")];
    let (effective, _) = Config::explain(&site.inputs(&env, Flags::default()));
    let text = show_text(&effective) + &show_json(&effective).to_string();
    for secret in ["hunter2", "swordfish", "open sesame"] {
        assert!(!text.contains(secret), "{text}");
    }
    let shown =
        |key: &str| effective.iter().find(|e| e.key == key).map(|e| (e.value.as_str(), e.origin.clone()));
    let from_env = |name| Some((REDACTED, Origin::Environment(name)));
    assert_eq!(shown("account[0].auth.client_secret"), from_env("LP_ARCHIVE_CLIENT_SECRET"));
    assert_eq!(shown("account[0].pgp.passphrase"), from_env("LP_ARCHIVE_PGP_PASSPHRASE"));
    let file = Origin::SecretFile(site.folder.path().join("secret"));
    assert_eq!(shown("account[0].auth.client_id"), Some((REDACTED, file)));
}

#[test]
fn missing_secrets_show_as_missing() {
    let site = Site::new(&GOOD.replace("client_secret_file = \"secret\"", ""));
    let (effective, config) = Config::explain(&site.inputs(&[], Flags::default()));
    assert!(config.is_err());
    assert!(
        show_text(&effective)
            .lines()
            .any(|line| line.starts_with("account[0].auth.client_secret ") && line.ends_with("(missing)"))
    );
}

/// (what is changed in the good file, by what, the whole text of the error)
#[test]
fn every_error_says_what_to_do() {
    let cases = [
        ("memory =", "memroy =", "archive.memroy (c.toml, line 11): unknown key; did you mean archive.memory?"),
        (
            "memory = \"1GiB\"",
            "mood = 1",
            "archive.mood (c.toml, line 11): unknown key; `lp-archive config init` writes a file with all of them",
        ),
        ("[archive]", "streams = []\n[archive]", "account[0].auth.streams (c.toml, line 9): unknown key; did you mean account.streams?"),
        ("1GiB", "lots", "archive.memory (c.toml, line 11): 'lots' is not a size such as 512MiB, 2GiB, 10MB or 1048576"),
        ("1GiB", "1MiB", "archive.memory (c.toml, line 11): 1MiB is too little: at least 128MiB"),
        ("memory = \"1GiB\"", "threads = 0", "archive.threads (c.toml, line 11): 0 is not a whole number from 1 to 1024"),
        ("memory = \"1GiB\"", "raw = \"some\"", "archive.raw (c.toml, line 11): 'some' is none of failed, always, never"),
        ("memory = \"1GiB\"", "strict = 3", "archive.strict (c.toml, line 11): 3 is neither true nor false"),
        (
            "memory = \"1GiB\"",
            "[service]\nread_timeout = 15",
            "service.read_timeout (c.toml, line 12): 15 is not a span of time such as \"15s\"",
        ),
        ("id = \"1\"", "id = 1", "account[0].id (c.toml, line 3): the number 1 should be a text: \"1\""),
        ("id = \"1\"", "", "account[0].id (or the variable LP_ARCHIVE_ACCOUNT_ID) is missing: the number of the account, such as \"75555851\""),
        ("region = \"us\"", "region = \"eu\"", "account[0].region (c.toml, line 4): 'eu' is none of us, uk, apac"),
        (
            "region = \"us\"",
            "",
            "account[0].region (or the variable LP_ARCHIVE_REGION) is missing: us, uk or apac, where the account's data lies (or base_url = \"https://…\")",
        ),
        (
            "region = \"us\"",
            "region = \"us\"\nbase_url = \"https://va.da.liveperson.net\"",
            "account[0].region (c.toml, line 4) and account[0].base_url (c.toml, line 5) are both given: keep one",
        ),
        (
            "region = \"us\"",
            "base_url = \"http://va.da.liveperson.net\"",
            "account[0].base_url (c.toml, line 4): plain http is accepted to this machine only (localhost); use https",
        ),
        (
            "region = \"us\"",
            "region = \"us\"\nstreams = [\"websession\"]",
            "account[0].streams (c.toml, line 5): 'websession' is not a stream; did you mean webSession?",
        ),
        (
            "method = \"oauth2\"",
            "",
            "account[0].auth.method (or the variable LP_ARCHIVE_AUTH_METHOD) is missing and has no default; choose one:
      oauth2  client id and secret, as the account's application installation shows them
      oauth1  consumer key, consumer secret, token and token secret of an API key (end of life in May 2026)
      bearer  a token in a file (token_file), which something else renews",
        ),
        ("\"oauth2\"", "\"oauth3\"", "account[0].auth.method (c.toml, line 6): 'oauth3' is none of oauth1, oauth2, bearer"),
        (
            "\"oauth2\"",
            "\"bearer\"",
            "account[0].auth.token_file is missing: with bearer the token is read from a file, and read again after a refusal",
        ),
        (
            "client_secret_file = \"secret\"",
            "client_secret = \"swordfish\"\nclient_secret_file = \"secret\"",
            "account[0].auth.client_secret (c.toml, line 8): a secret does not belong in this file; write client_secret_file = \"PATH\" of a file that holds it, or set LP_ARCHIVE_CLIENT_SECRET",
        ),
        (
            "client_secret_file = \"secret\"",
            "",
            "account[0].auth.client_secret is missing: give account[0].auth.client_secret_file = \"PATH\" of a file that holds it (or the variable LP_ARCHIVE_CLIENT_SECRET)",
        ),
        (
            "client_secret_file = \"secret\"",
            "client_secret_file = \"nowhere\"",
            "account[0].auth.client_secret_file (c.toml, line 8): cannot read nowhere: No such file or directory (os error 2); check the path and its permissions",
        ),
        ("[[account]]", "[account]", "accounts"),
        ("out = \"lake\"", "out = \"s3://key:secret@bucket/lake\"", "archive.out (c.toml, line 10): a s3 address must hold neither credentials nor a query; give credentials as the store's own tools read them (AWS_ACCESS_KEY_ID, …)"),
        (
            "out = \"lake\"",
            "",
            "no destination: give --out, or archive.out in the file, or the variable LP_ARCHIVE_OUT; a folder or an address such as s3://lake/liveperson",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let text = Site::new(&GOOD.replace(from, to)).fault(&[]);
        if expected == "accounts" {
            assert!(
                text.contains(
                    "account.id (c.toml, line 3): accounts are a list: write [[account]], with two brackets"
                ),
                "{text}"
            );
        } else {
            assert_eq!(text, format!("failed to read the configuration: {expected}"), "{to}");
        }
        assert!(!text.contains("swordfish"));
    }
}

#[test]
fn several_problems_are_told_at_once() {
    let text = Site::new(&GOOD.replace("memory =", "memroy =").replace("\"us\"", "\"eu\"")).fault(&[]);
    assert_eq!(
        text,
        "failed to read the configuration: 2 problems:
  - archive.memroy (c.toml, line 11): unknown key; did you mean archive.memory?
  - account[0].region (c.toml, line 4): 'eu' is none of us, uk, apac"
    );
}

#[test]
fn a_missing_file_says_how_to_make_one() {
    let named = Inputs { config_file: Some(PathBuf::from("/nowhere/c.toml")), ..Inputs::default() };
    assert_eq!(
        Config::load(&named).err().unwrap().to_string(),
        "failed to read the configuration /nowhere/c.toml: No such file or directory (os error 2); `lp-archive config init /nowhere/c.toml` writes one to fill in"
    );
    let text = Config::load(&Inputs::default()).err().unwrap().to_string();
    assert!(text.contains("no account is configured: write one into lp-archive.toml"), "{text}");
}

#[test]
fn variables_of_one_account_do_not_speak_of_two() {
    let second = GOOD.split("[archive]").next().unwrap().replace("\"1\"", "\"2\"");
    let site = Site::new(&format!("{second}{GOOD}"));
    let env = [("LP_ARCHIVE_CLIENT_SECRET", "swordfish"), ("LP_ARCHIVE_REGION", "uk")];
    let config = Config::load(&site.inputs(&env, Flags::default())).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(config.accounts.len(), 2);
    for name in ["LP_ARCHIVE_CLIENT_SECRET", "LP_ARCHIVE_REGION"] {
        let expected = format!("{name} is ignored: it speaks of one account and 2 are configured");
        assert_eq!(
            config.warnings.iter().filter(|text| **text == expected).count(),
            1,
            "{:?}",
            config.warnings
        );
    }
    let twice = Site::new(&format!("{}{GOOD}", second.replace("\"2\"", "\"1\""))).fault(&[]);
    assert!(twice.contains("account 1 is configured twice"), "{twice}");
}

#[cfg(unix)]
#[test]
fn open_secret_files_are_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new(GOOD);
    let secret = site.folder.path().join("secret");
    for (mode, warnings) in [(0o644, 1), (0o600, 0)] {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let config = Config::load(&site.inputs(&[], Flags::default())).ok().unwrap();
        assert_eq!(config.warnings.len(), warnings, "{:?}", config.warnings);
    }
}

#[test]
fn convert_needs_no_file() {
    let env: Environment =
        [("LP_ARCHIVE_PGP_PASSPHRASE", "e"), ("LP_ARCHIVE_MAX_RECORD", "1MiB")].into_iter().collect();
    let flags = Flags { account: Some("1".into()), out: Some("lake".into()), ..Flags::default() };
    let config = Config::for_convert(&env, &flags).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!((config.account.as_str(), config.out.as_str()), ("1", "lake"));
    assert_eq!(config.limits.max_record_bytes, 1 << 20);
    assert_eq!(config.pgp.passphrase.unwrap().expose(), "e");
    let flags = Flags { pgp_key_files: vec!["/nowhere/key.asc".into()], ..flags };
    assert_eq!(
        Config::for_convert(&env, &flags).err().unwrap().to_string(),
        "failed to read the configuration: account[0].pgp.key_files (--pgp-key): cannot read /nowhere/key.asc: No such file or directory (os error 2); check the path and its permissions"
    );
}

#[test]
fn keys_that_do_nothing_are_warned_about() {
    let site = Site::new(&GOOD.replace("[archive]", "consumer_key_file = \"secret\"\n[archive]"));
    let config =
        Config::load(&site.inputs(&[("LP_ARCHIVE_TOKEN_FILE", "t")], Flags::default())).ok().unwrap();
    let unused: Vec<&String> = config.warnings.iter().filter(|text| text.contains("is not used")).collect();
    let file = site.folder.path().join("c.toml");
    assert_eq!(
        unused,
        [
            &format!(
                "account[0].auth.consumer_key_file ({}, line 9) is not used with this method",
                file.display()
            ),
            "account[0].auth.token_file (LP_ARCHIVE_TOKEN_FILE) is not used with this method",
        ]
    );
}

#[test]
fn line_ends_are_no_part_of_a_secret() {
    let site = Site::new(GOOD);
    for env in [&[("LP_ARCHIVE_CLIENT_SECRET", "hunter2\r\n")][..], &[]] {
        let config = Config::load(&site.inputs(env, Flags::default())).ok().unwrap();
        let AuthOptions::Oauth2 { client_secret, .. } = &config.accounts[0].service.auth else { panic!() };
        assert_eq!(client_secret.expose(), "hunter2");
    }
}

#[test]
fn without_file_no_file_is_looked_for() {
    let env = [("LP_ARCHIVE_CONFIG", "/nowhere/c.toml"), ("LP_ARCHIVE_OUT", "lake")];
    let text = Config::without_file(&env.into_iter().collect(), &Flags::default()).err().unwrap().to_string();
    assert!(text.contains("no account is configured"), "{text}");
}

#[test]
fn values_are_shown_by_section() {
    let site = Site::new(GOOD);
    let (effective, _) = Config::explain(&site.inputs(&[], Flags::default()));
    let mut sections: Vec<&str> = effective.iter().filter_map(|e| e.key.split(['.', '[']).next()).collect();
    sections.dedup();
    assert_eq!(sections, ["account", "archive", "service", "limits", "lake"]);
}

/// Uncomments every default of the default file and compares the outcome with the real defaults.
#[test]
fn the_default_file_tells_the_truth() {
    let uncommented: Vec<String> = DEFAULT_FILE_TEXT
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    let changed = uncommented.iter().zip(DEFAULT_FILE_TEXT.lines()).filter(|(a, b)| a != b).count();
    assert!(changed > 15, "{changed}");
    let env = [
        ("LP_ARCHIVE_ACCOUNT_ID", "1"),
        ("LP_ARCHIVE_AUTH_METHOD", "oauth2"),
        ("LP_ARCHIVE_CLIENT_ID", "a"),
        ("LP_ARCHIVE_CLIENT_SECRET", "b"),
    ];
    let values = |text: &str| {
        let site = Site::new(text);
        let (effective, config) = Config::explain(&site.inputs(&env, Flags::default()));
        config.unwrap_or_else(|fault| panic!("{fault}"));
        let folder = site.folder.path().display().to_string();
        effective
            .into_iter()
            .map(|e| (e.key, e.value.replace(&folder, ""), e.origin != Origin::Default))
            .collect::<Vec<_>>()
    };
    let (default, spoken) = (values(DEFAULT_FILE_TEXT), values(&uncommented.join("\n")));
    let without_origin = |values: &[(String, String, bool)]| {
        values.iter().map(|(key, value, _)| (key.clone(), value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(without_origin(&default), without_origin(&spoken));
    let silent: Vec<&str> =
        spoken.iter().filter(|(_, _, said)| !said).map(|(key, _, _)| key.as_str()).collect();
    assert_eq!(silent, ["account[0].base_url", "archive.threads"]);
}

#[test]
fn the_default_file_names_no_account_of_anybody() {
    let site = Site::new(DEFAULT_FILE_TEXT);
    let said = Config::load(&site.inputs(&[], Flags::default())).err().unwrap().to_string();
    assert!(said.contains("c.toml, line 8): write the number of your account here"), "{said}");
}

#[test]
fn the_default_file_names_every_setting() {
    for setting in settings::SETTINGS {
        let leaf = setting.key.rsplit('.').next().unwrap();
        assert!(DEFAULT_FILE_TEXT.contains(&format!("{leaf} = ")), "{}", setting.key);
        let secret_file = leaf.ends_with("_file");
        assert!(secret_file || DEFAULT_FILE_TEXT.contains(setting.env), "{}", setting.env);
    }
    for secret in settings::SECRETS {
        assert!(DEFAULT_FILE_TEXT.contains(secret.env), "{}", secret.env);
    }
}

#[test]
fn the_default_file_is_never_written_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lp-archive.toml");
    write_default_file(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), DEFAULT_FILE_TEXT);
    let text = write_default_file(&path).unwrap_err().to_string();
    assert!(text.starts_with("failed to write "), "{text}");
    assert!(
        text.ends_with("lp-archive.toml: the file is there already; name another path, or move it away"),
        "{text}"
    );
}
