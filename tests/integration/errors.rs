//! What people read when something is wrong: every line of stderr, as `errors.txt` has it. A changed text is
//! changed there too, and read once more: does it name the part, the stage, the place, the likely cause and
//! the next step? To write them anew: `rm -f new.txt; WRITE_ERRORS=$PWD/new.txt cargo test --test integration
//! errors:: -- --test-threads 1`, and compare.
//!
//! `<dir>`: the test's folder, `<port>`, `<time>`, `<n>` seconds: what differs from run to run.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use lp_archive::demo::generator::{Encryption, GeneratorOptions, write_files};
use lp_archive::demo::service::StandInOptions;
use lp_archive::model::Stream;
use tempfile::TempDir;

use super::program::{ACCOUNT, Run, command, generated, gzip, repository, run};
use super::proxy::TlsServer;
use super::stand_in::{Method, Scene};

const EXPECTED: &str = include_str!("errors.txt");

/// Compares what was said with the section of that name.
#[track_caller]
fn check(name: &str, folder: &Path, done: &Run) {
    let head = format!("## {name}\n");
    let section = EXPECTED.split_once(&head).map(|(_, rest)| rest.split("\n## ").next().unwrap().trim());
    let mut lines: Vec<String> = done.stderr.lines().map(|line| redacted(line, folder)).collect();
    lines.retain(|line| !line.starts_with("<time> lp-archive "));
    let code = done.code.map_or("killed".to_owned(), |code| format!("exit {code}"));
    let said = format!("{code}\n{}", lines.join("\n"));
    if let Some(file) = std::env::var_os("WRITE_ERRORS") {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
        write!(file, "{head}{said}\n\n").unwrap();
        return;
    }
    let expected = section.unwrap_or("no such section");
    assert!(section == Some(said.trim()), "{head}{said}\n\n--- expected was\n{expected}");
}

fn redacted(line: &str, folder: &Path) -> String {
    let line = line.replace(folder.to_str().unwrap(), "<dir>");
    let words: Vec<String> = line.split(' ').map(without_port).collect();
    let mut line = words.join(" ");
    if line.get(4..5) == Some("-") && line.get(19..20) == Some("Z") {
        line.replace_range(..20, "<time>");
    }
    // Differences of clocks, to the second.
    for near in 7150..7250 {
        line = line.replace(&format!(" {near} s "), " <n> s ");
    }
    line
}

fn without_port(word: &str) -> String {
    match word.split_once("127.0.0.1:") {
        Some((before, after)) if after.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{before}127.0.0.1:<port>{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        _ => word.to_owned(),
    }
}

/// Runs the program in the folder, where no configuration is but the test's.
fn in_folder(folder: &Path, line: &str) -> Run {
    run(command().current_dir(folder).args(line.split(' ')))
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A configuration that is valid but for `base_url`, with few and short retries.
fn configured(base_url: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "token", "a-token");
    let text = format!(
        "[[account]]\nid = \"1\"\nbase_url = {base_url:?}\nstreams = [\"survey\"]\n[account.auth]\nmethod = \
         \"bearer\"\ntoken_file = \"token\"\n[archive]\nout = \"lake\"\n[service]\nfirst_pause = \"10ms\"\n\
         max_pause = \"20ms\"\nmax_tries = 2\n"
    );
    write(folder.path(), "lp-archive.toml", text);
    folder
}

#[test]
fn configuration() {
    for (name, text, line) in [
        ("no configuration", None, "sync"),
        ("a configuration that is not there", None, "sync -c prod.toml"),
        (
            "unknown keys",
            Some(
                "[[account]]\nid = \"1\"\nregoin = \"us\"\n[account.auth]\nmethod = \"bearer\"\ntoken_file = \"token\"\n[archive]\nmemroy = \"1GiB\"\nout = \"lake\"\n",
            ),
            "sync",
        ),
        ("bad TOML", Some("[[account]]\nid = \"1\n"), "sync"),
        (
            "missing secrets",
            Some(
                "[[account]]\nid = \"1\"\nregion = \"us\"\n[account.auth]\nmethod = \"oauth2\"\n[archive]\nout = \"lake\"\n",
            ),
            "sync",
        ),
        (
            "a secret in the configuration",
            Some(
                "[[account]]\nid = \"1\"\nregion = \"us\"\n[account.auth]\nmethod = \"oauth2\"\nclient_id = \"x\"\nclient_secret = \"hush-hush\"\n[archive]\nout = \"lake\"\n",
            ),
            "sync",
        ),
        ("no method", Some("[[account]]\nid = \"1\"\nregion = \"us\"\n[archive]\nout = \"lake\"\n"), "sync"),
        (
            "plain http",
            Some(
                "[[account]]\nid = \"1\"\nbase_url = \"http://da.example\"\n[account.auth]\nmethod = \"bearer\"\ntoken_file = \"token\"\n[archive]\nout = \"lake\"\n",
            ),
            "sync",
        ),
        ("metrics without a folder", None, "sync --metrics-file missing/lp.prom"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "token", "a-token");
        if let Some(text) = text {
            write(folder.path(), "lp-archive.toml", text);
        }
        let done = in_folder(folder.path(), line);
        assert!(!done.stderr.contains("hush-hush"));
        check(name, folder.path(), &done);
    }
}

#[test]
fn sign_in() {
    for (name, method, file) in [
        ("wrong secret, OAuth 1.0a", Method::Oauth1, "consumer_secret"),
        ("wrong secret, OAuth 2.0", Method::Oauth2, "client_secret"),
        ("wrong token", Method::Bearer, "token"),
    ] {
        let scene = scene(StandInOptions::default(), method);
        write(scene.folder.path(), file, "wrong-secret-4711");
        check(name, scene.folder.path(), &sync(&scene, &["--stream", "survey"]));
    }
    let scene_without = scene(StandInOptions::default(), Method::Bearer);
    write(scene_without.folder.path(), "token", "\n");
    check("an empty token file", scene_without.folder.path(), &sync(&scene_without, &[]));
    for (name, seconds) in [("a clock that is behind", 7200), ("a clock that is ahead", -7200)] {
        let scene = scene(
            StandInOptions { clock_ahead_seconds: seconds, ..StandInOptions::default() },
            Method::Oauth1,
        );
        check(name, scene.folder.path(), &sync(&scene, &["--stream", "survey"]));
    }
}

#[test]
fn no_permission() {
    let refuses = StandInOptions { forbidden: vec![Stream::Survey], ..StandInOptions::default() };
    let scene = scene(refuses, Method::Bearer);
    check("no permission for a data type", scene.folder.path(), &sync(&scene, &[]));
}

fn scene(options: StandInOptions, method: Method) -> Scene {
    let scene = Scene::new(options, method);
    for file in
        ["consumer_key", "consumer_secret", "token", "token_secret", "client_id", "client_secret", "demo.asc"]
    {
        let path = scene.folder.path().join(file);
        if path.exists() {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
    scene
}

fn sync(scene: &Scene, more: &[&str]) -> Run {
    run(command().arg("sync").arg("-c").arg(&scene.config).args(more))
}

#[test]
fn network() {
    let folder = configured("https://no-such-host.invalid");
    check("a name that does not resolve", folder.path(), &in_folder(folder.path(), "sync"));

    let folder = configured("https://da.example");
    let done = run(command().current_dir(folder.path()).arg("sync").env("HTTPS_PROXY", "http://127.0.0.1:1"));
    check("a proxy that is not there", folder.path(), &done);

    let folder = configured("https://127.0.0.1:1");
    check("nobody listens", folder.path(), &in_folder(folder.path(), "sync"));

    // Once for the account, whether its streams are configured or not.
    for streams in ["", "streams = [\"survey\", \"webSession\", \"engagement\", \"agentActivity\"]\n"] {
        let folder = configured("https://127.0.0.1:1");
        let file = folder.path().join("lp-archive.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("streams = [\"survey\"]\n", streams)).unwrap();
        let name =
            if streams.is_empty() { "nobody listens, all streams" } else { "nobody listens, four streams" };
        check(name, folder.path(), &in_folder(folder.path(), "sync"));
    }

    let folder = configured("https://da.example");
    write(folder.path(), "ca.pem", "nothing");
    let done = run(command()
        .current_dir(folder.path())
        .arg("sync")
        .env("SSL_CERT_FILE", folder.path().join("ca.pem")));
    check("a CA file without certificates", folder.path(), &done);
}

#[test]
fn tls() {
    let server = TlsServer::start("self-signed.pem", None);
    let folder = configured(&format!("https://127.0.0.1:{}", server.port));
    check("a certificate that is not trusted", folder.path(), &in_folder(folder.path(), "sync"));

    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = configured(&format!("https://{}", plain.local_addr().unwrap()));
    std::thread::spawn(move || {
        for client in plain.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 64]);
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    check("no TLS at the other end", folder.path(), &in_folder(folder.path(), "sync"));
}

/// One encrypted file of a survey, for the demo's key.
fn encrypted(folder: &Path, encryption: Encryption) -> String {
    let mut options = GeneratorOptions::new(7, ACCOUNT, 1_790_000_000_000 / 3_600_000 * 3_600_000);
    options.hours = 1;
    options.parts_per_hour = 1;
    options.encryption = encryption;
    write_files(&folder.join("in"), &options).unwrap();
    let mut names = fs::read_dir(folder.join("in"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let survey = names.find(|name| name.starts_with("Survey")).unwrap();
    format!("convert --account 1 --out lake in/{survey}")
}

#[test]
fn keys() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let key = |name: &str| fs::read(repository().join("fixtures/pgp").join(name)).unwrap();
    write(at, "first.asc", key("first-key.asc"));
    write(at, "locked.asc", key("second-key.asc"));
    write(at, "public.asc", include_bytes!("../../fixtures/pgp/first-key.public.asc"));
    write(at, "noise.asc", "nothing");
    let values = encrypted(at, Encryption::values(1.0));
    for (name, line) in [
        ("no key", values.clone()),
        ("another key", format!("{values} --pgp-key first.asc")),
        ("a key without its secret part", format!("{values} --pgp-key public.asc")),
        ("a key file that holds no key", format!("{values} --pgp-key noise.asc")),
        ("a key file that is not there", format!("{values} --pgp-key missing.asc")),
        ("a locked key and no passphrase", format!("{values} --pgp-key locked.asc")),
    ] {
        check(name, at, &in_folder(at, &line));
    }
    let wrong = run(command()
        .current_dir(at)
        .args(format!("{values} --pgp-key locked.asc").split(' '))
        .env("LP_ARCHIVE_PGP_PASSPHRASE", "wrong-passphrase"));
    assert!(!wrong.stderr.contains("wrong-passphrase"));
    check("a wrong passphrase", at, &wrong);

    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "first.asc", key("first-key.asc"));
    let files = encrypted(folder.path(), Encryption::files(1.0));
    check(
        "another key than the whole file wants",
        folder.path(),
        &in_folder(folder.path(), &format!("{files} --pgp-key first.asc")),
    );
}

#[test]
fn files() {
    const NAME: &str = "Survey.1790000000000.1790003600000.part-00000-0";
    let cut = &gzip(b"{\"metaData\":{}}")[..20];
    for (name, file, bytes) in [
        ("a file that is not named as the service does", "export.json", &b"{}"[..]),
        ("a zip archive", NAME, b"PK\x03\x04rest"),
        ("an Avro container", NAME, b"Obj\x01\x04rest"),
        ("text that is not JSON", NAME, b"Not found"),
        ("a page of an error", NAME, b"<html><body>Not found</body></html>"),
        ("noise", NAME, b"\0\x01\x02\x03"),
        ("an empty file", NAME, b""),
        ("gzip that ends early", NAME, cut),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), file, bytes);
        check(
            name,
            folder.path(),
            &in_folder(folder.path(), &format!("convert --account 1 --out lake {file}")),
        );
    }
    let folder = tempfile::tempdir().unwrap();
    check(
        "a path that is not there",
        folder.path(),
        &in_folder(folder.path(), "convert --account 1 --out lake missing"),
    );
    fs::create_dir(folder.path().join("empty")).unwrap();
    check(
        "a folder without files",
        folder.path(),
        &in_folder(folder.path(), "convert --account 1 --out lake empty"),
    );
    write(folder.path(), NAME, include_bytes!("../../fixtures/samples/web-session.json"));
    check(
        "records of another type",
        folder.path(),
        &in_folder(folder.path(), &format!("convert --account 1 --out lake {NAME}")),
    );
}

#[test]
fn destination() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "file", "a file");
    fs::create_dir_all(at.join("newer/_lp_archive")).unwrap();
    write(at, "newer/_lp_archive/lake.json", "{\"format\":9}");
    fs::create_dir_all(at.join("odd/_lp_archive")).unwrap();
    write(at, "odd/_lp_archive/lake.json", "nonsense");
    write(at, "Survey.1790000000000.1790003600000.part-00000-0", "{}");
    for (name, out) in [
        ("a lake of a newer format", "newer"),
        ("a lake whose format is not told", "odd"),
        ("a lake that is a file", "file"),
        ("a lake below a file", "file/lake"),
        ("a lake in an unknown kind of store", "ftp://host/lake"),
    ] {
        check(
            name,
            at,
            &in_folder(
                at,
                &format!("convert --account 1 --out {out} Survey.1790000000000.1790003600000.part-00000-0"),
            ),
        );
    }
}

#[test]
fn disk_full() {
    let folder = tempfile::tempdir().unwrap();
    generated(folder.path(), "1MiB", 3);
    // A limit on the size of files makes writes fail in the middle, for root as for everybody else.
    let line = "ulimit -f 4; exec \"$0\" convert --account 1 --out lake --threads 1 generated/Survey*";
    let bash = || {
        let mut bash = Command::new("bash");
        bash.current_dir(folder.path()).args(["-c", line]).arg(env!("CARGO_BIN_EXE_lp-archive"));
        run(&mut bash)
    };
    let done = bash();
    // Which object meets the limit first depends on the threads.
    let line = done.stderr.lines().find(|line| line.contains("error: failed to write ")).unwrap();
    let (before, path) = line.split_once("failed to write ").unwrap();
    let stderr = format!("{before}failed to write <object>{}", &path[path.find(" in lake").unwrap()..]);
    check("the disk is full", folder.path(), &Run { stderr, ..done });
    assert_eq!(super::program::objects(&folder.path().join("lake")).len(), 0);
}

#[test]
fn every_section_has_its_test() {
    let tests = include_str!("errors.rs");
    for name in EXPECTED.lines().filter_map(|line| line.strip_prefix("## ")) {
        assert!(tests.contains(&format!("\"{name}\"")), "{name} is tested nowhere");
    }
}
