//! Proxies and authorities of one's own: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY` and `SSL_CERT_FILE`, towards the
//! service, its sign-in and an S3 server.

use std::fs;
use std::process::Command;

use lp_archive::demo::service::{Quirks, StandInOptions};

use super::place::{Place, small_inputs, undisturbed};
use super::program::{ACCOUNT, Run, command, compare, lake_is_tidy, repository, run};
use super::proxy::{Proxy, TlsServer};
use super::s3_server::S3Server;
use super::stand_in::{Method, Scene};

/// The service as `https://da.example`, its sign-in as `https://login.example`, both behind TLS.
struct Outside {
    scene: Scene,
    tls: TlsServer,
}

impl Outside {
    fn with(certificate: &str) -> Outside {
        let quirks = Quirks { href_origin: Some("https://da.example".into()), ..Quirks::default() };
        let scene = Scene::new(StandInOptions { quirks, ..StandInOptions::default() }, Method::Oauth2);
        let address = scene.service.address();
        let tls = TlsServer::start(certificate, Some(address.port()));
        let config = fs::read_to_string(&scene.config).unwrap();
        let plain = scene.service.base_url();
        let config = config
            .replace(&format!("base_url = {plain:?}"), "base_url = \"https://da.example\"")
            .replace(
                &scene.service.token_url(ACCOUNT),
                &scene.service.token_url(ACCOUNT).replace(&plain, "https://login.example"),
            )
            .replace("[service]\n", "[service]\nmax_tries = 2\n");
        assert!(config.contains("https://login.example/") && config.contains("max_tries"));
        fs::write(&scene.config, config).unwrap();
        Outside { scene, tls }
    }

    fn sync(&self, environment: &[(&str, &str)]) -> Run {
        let mut sync = bare();
        sync.args(["sync", "--json", "-c"]).arg(&self.scene.config);
        run(sync.envs(environment.iter().copied()))
    }
}

/// The program without any of this machine's own settings.
fn bare() -> Command {
    let mut bare = command();
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
        bare.env_remove(name).env_remove(name.to_lowercase());
    }
    bare
}

fn authority() -> String {
    repository().join("fixtures/tls/authority.pem").to_str().unwrap().to_owned()
}

#[test]
fn service_and_sign_in_through_a_proxy_and_an_authority_of_ones_own() {
    let outside = Outside::with("vouched-for.pem");
    let proxy = Proxy::start(outside.tls.port, Some("someone:pass-phrase"));
    let with_password = proxy.url().replace("//", "//someone:pass-phrase@");
    for name in ["HTTPS_PROXY", "https_proxy"] {
        let done = outside.sync(&[(name, &with_password), ("SSL_CERT_FILE", &authority())]).exits(0);
        assert!(!(done.stderr + &done.stdout).contains("pass-phrase"));
    }
    assert_eq!(proxy.heard(), ["CONNECT da.example:443", "CONNECT login.example:443"]);
    lake_is_tidy(&outside.scene.lake);
    compare(&outside.scene.lake, &[&outside.scene.inputs], &[]);
}

#[test]
fn what_a_proxy_refuses_and_what_goes_past_it() {
    let outside = Outside::with("vouched-for.pem");
    let proxy = Proxy::start(outside.tls.port, Some("someone:pass-phrase"));
    let wrong = proxy.url().replace("//", "//someone:wrong-phrase@");
    let done = outside.sync(&[("HTTPS_PROXY", &wrong), ("SSL_CERT_FILE", &authority())]).exits(1);
    assert!(done.stderr.contains("check HTTPS_PROXY and NO_PROXY"), "{}", done.stderr);
    assert!(done.stderr.contains("proxy") && !done.stderr.contains("wrong-phrase"), "{}", done.stderr);

    // HTTP_PROXY is for plain http only; NO_PROXY names hosts that are asked directly, which do not exist.
    let proxy = Proxy::start(outside.tls.port, None);
    for direct in
        [&[("HTTP_PROXY", proxy.url())][..], &[("HTTPS_PROXY", proxy.url()), ("NO_PROXY", ".example".into())]]
    {
        let mut environment: Vec<(&str, &str)> =
            direct.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let authority = authority();
        environment.push(("SSL_CERT_FILE", &authority));
        let done = outside.sync(&environment).exits(1);
        assert!(done.stderr.contains("cannot be resolved"), "{}", done.stderr);
    }
    assert!(proxy.heard().is_empty(), "{:?}", proxy.heard());

    // This machine is never asked through a proxy.
    let scene = Scene::new(StandInOptions::default(), Method::Oauth2);
    let mut sync = bare();
    sync.args(["sync", "-c"])
        .arg(&scene.config)
        .envs([("HTTP_PROXY", proxy.url()), ("HTTPS_PROXY", proxy.url())]);
    run(&mut sync).exits(0);
    assert!(proxy.heard().is_empty(), "{:?}", proxy.heard());
}

#[test]
fn certificates_that_are_not_accepted() {
    for (certificate, vouched, code, words) in [
        // No further try mends this: exit code 2, as for everything that has to be configured.
        ("self-signed.pem", true, 2, "set SSL_CERT_FILE to a PEM file with its CA certificates"),
        ("vouched-for.pem", false, 2, "set SSL_CERT_FILE to a PEM file with its CA certificates"),
        // Its owner may renew it meanwhile.
        ("expired.pem", true, 1, "check this machine's clock"),
    ] {
        let outside = Outside::with(certificate);
        let proxy = Proxy::start(outside.tls.port, None);
        let (proxy, authority) = (proxy.url(), authority());
        let mut environment = vec![("HTTPS_PROXY", proxy.as_str())];
        if vouched {
            environment.push(("SSL_CERT_FILE", &authority));
        }
        let done = outside.sync(&environment).exits(code);
        assert!(done.stderr.contains("the certificate of login.example is not accepted"), "{}", done.stderr);
        assert!(done.stderr.contains(words), "{certificate}: {}", done.stderr);
        let failed = done.summary()["failed"].clone();
        let kind = if code == 2 { "config" } else { "unavailable" };
        assert_eq!(failed[0]["kind"], kind, "{failed}");
    }
}

#[test]
fn s3_through_a_proxy_and_an_authority_of_ones_own() {
    let temporary = tempfile::tempdir().unwrap();
    let inputs = small_inputs(temporary.path(), "1MiB", 74);
    let server = S3Server::shared();
    let place = Place::bucket(server);
    let tls = TlsServer::start("vouched-for.pem", Some(server.port()));
    let proxy = Proxy::start(tls.port, None);
    let convert = |environment: &[(&str, &str)]| {
        let mut convert = place.convert(&inputs);
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            convert.env_remove(name).env_remove(name.to_lowercase());
        }
        convert.env("AWS_ENDPOINT_URL", "https://s3.example");
        run(convert.envs(environment.iter().copied()))
    };
    convert(&[("HTTPS_PROXY", &proxy.url()), ("SSL_CERT_FILE", &authority())]).exits(0);
    assert_eq!(proxy.heard(), ["CONNECT s3.example:443"]);
    place.is_like(&undisturbed(&inputs), "convert to S3 through a proxy");

    let done = convert(&[("HTTPS_PROXY", &proxy.url())]).exits(6);
    assert!(done.stderr.contains("invalid peer certificate: UnknownIssuer"), "{}", done.stderr);
    assert!(done.stderr.contains("set SSL_CERT_FILE to a PEM file"), "{}", done.stderr);

    // Plain http to a store goes through HTTP_PROXY, NO_PROXY past it.
    let plain = Proxy::start(server.port(), None);
    convert(&[("AWS_ENDPOINT_URL", "http://s3.example"), ("HTTP_PROXY", &plain.url())]).exits(0);
    let heard = plain.heard();
    assert!(!heard.is_empty() && heard.iter().all(|line| line.contains(" http://s3.example/")), "{heard:?}");
    let before = heard.len();
    let endpoint = format!("http://127.0.0.1:{}", server.port());
    convert(&[("AWS_ENDPOINT_URL", &endpoint), ("HTTP_PROXY", &plain.url()), ("NO_PROXY", "127.0.0.1")])
        .exits(0);
    assert_eq!(plain.heard().len(), before);
}
