//! Which URLs may be asked: a pure rule over URLs.
//!
//! ```text
//! base https://va.da.liveperson.net   allows itself and https://*.liveperson.net
//! base http://127.0.0.1:8080          allows itself, nothing else
//! ```
//!
//! The service lists hrefs on sibling hosts (`va-a.da…` for `va.da…`), so that credentials must go
//! to the whole family, and to nobody else.

use url::{Host, Url};

use crate::model::{Fault, FaultKind, Stage};

/// Every host of the service ends so.
const FAMILY: &str = ".liveperson.net";
/// Longest URL text in a message.
const MAX_SHOWN: usize = 200;

/// The configured origin, and whether its family is allowed as well.
#[derive(Debug)]
pub(super) struct Origins {
    base: Url,
    family: bool,
}

impl Origins {
    /// # Errors
    /// `Config`, when `base_url` is not scheme, host and port alone, or plain http to a host other
    /// than loopback.
    pub(super) fn new(base_url: &str) -> Result<Origins, Fault> {
        let refuse = |why: String| {
            Fault::new(FaultKind::Config, Stage::Configure, why)
                .of("base_url")
                .advise("set it to a scheme, host and port as in https://va.da.liveperson.net")
        };
        let base = Url::parse(base_url).map_err(|e| refuse(format!("it is not a URL ({e})")))?;
        if base.path() != "/" || base.query().is_some() || base.fragment().is_some() || has_user(&base) {
            return Err(refuse("it has more than a scheme, host and port".to_owned()));
        }
        check_transport(&base).map_err(refuse)?;
        Ok(Origins { family: in_family(&base), base })
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// # Errors
    /// A fragment that says why the URL must not be asked.
    pub(super) fn check(&self, url: &Url) -> Result<(), String> {
        if has_user(url) {
            return Err(format!("{} carries a user name or password", shown(url)));
        }
        let same = url.scheme() == self.base.scheme()
            && url.host() == self.base.host()
            && url.port_or_known_default() == self.base.port_or_known_default();
        let sibling = self.family && url.scheme() == "https" && in_family(url);
        if same || sibling {
            return Ok(());
        }
        Err(format!("{} is outside of {}", shown(url), shown(&self.base)))
    }
}

/// True for 127.0.0.0/8, ::1 and `localhost`.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// https to any host, plain http to loopback only.
///
/// # Errors
/// A fragment that names what is wrong.
pub(super) fn check_transport(url: &Url) -> Result<(), String> {
    match url.scheme() {
        _ if url.host_str().is_none_or(str::is_empty) => Err("it names no host".to_owned()),
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => Err("plain http is accepted for loopback hosts only".to_owned()),
        other => Err(format!("its scheme is {other}, not https")),
    }
}

/// True when the host is one of the service's.
pub(super) fn in_family(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Domain(name)) if name.ends_with(FAMILY))
}

/// Scheme, host, port and path, cut to a readable length: never user, password, query or fragment.
pub(super) fn shown(url: &Url) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    let text = if bare.cannot_be_a_base() { format!("a {}: URL", bare.scheme()) } else { String::from(bare) };
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origin_and_its_family_are_asked() {
        for (base, url, allowed) in [
            ("https://va.da.liveperson.net", "https://va.da.liveperson.net/x", true),
            ("https://va.da.liveperson.net", "https://va.da.liveperson.net:443/x", true),
            ("https://va.da.liveperson.net", "https://VA-A.da.LivePerson.net/x", true),
            ("https://va.da.liveperson.net", "http://va.da.liveperson.net/x", false),
            ("https://va.da.liveperson.net", "https://evil-liveperson.net/x", false),
            ("https://va.da.liveperson.net", "https://liveperson.net.evil.example/x", false),
            ("https://va.da.liveperson.net", "https://u:p@va.da.liveperson.net/x", false),
            ("https://va.da.liveperson.net", "https://va.da.liveperson.net@evil.example/x", false),
            ("https://va.da.liveperson.net", "http://127.0.0.1/x", false),
            ("https://va.da.liveperson.net", "file:///etc/passwd", false),
            ("https://va.da.liveperson.net", "data:text/plain,x", false),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/x", true),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8081/x", false),
            ("http://127.0.0.1:8080", "http://localhost:8080/x", false),
            ("http://127.0.0.1:8080", "https://va.da.liveperson.net/x", false),
            ("https://da.example", "https://va.da.liveperson.net/x", false),
        ] {
            let origins = Origins::new(base).unwrap();
            let verdict = origins.check(&Url::parse(url).unwrap());
            assert_eq!(verdict.is_ok(), allowed, "{url} from {base}: {verdict:?}");
        }
    }

    #[test]
    fn a_base_is_https_or_loopback_and_nothing_more() {
        for good in [
            "https://da.example",
            "https://da.example:8443/",
            "http://127.9.9.9:1",
            "http://[::1]:80",
            "http://localhost",
        ] {
            assert!(Origins::new(good).is_ok(), "{good}");
        }
        for bad in [
            "va.da.liveperson.net",
            "http://da.example",
            "http://10.0.0.1",
            "http://localhost.example",
            "ftp://127.0.0.1",
            "https://da.example/path",
            "https://da.example/?q",
            "https://u@da.example",
        ] {
            assert_eq!(Origins::new(bad).unwrap_err().kind, FaultKind::Config, "{bad}");
        }
    }

    #[test]
    fn shown_urls_hide_query_and_user() {
        let url = Url::parse("https://u:secret@h.example/a?token=secret#secret").unwrap();
        assert_eq!(shown(&url), "https://h.example/a");
        assert_eq!(shown(&Url::parse("data:text/plain,secret").unwrap()), "a data: URL");
        let long = Url::parse(&format!("https://h.example/{}", "é".repeat(300))).unwrap();
        assert!(shown(&long).chars().count() <= MAX_SHOWN + 1);
    }
}
