//! Addresses of services: https, or plain http to this machine.

use url::{Host, Url};

/// The data centres, by region. Source: the Data Access API's pages (fixed hosts, no look-up).
pub const REGIONS: [(&str, &str); 3] = [
    ("us", "https://va.da.liveperson.net"),
    ("uk", "https://lo.da.liveperson.net"),
    ("apac", "https://sy.da.liveperson.net"),
];

/// An origin alone: `https://va.da.liveperson.net`, without path.
///
/// # Errors
/// A fragment that says what is wrong.
pub fn parse_origin(text: &str) -> Result<String, String> {
    let url = parse_address(text)?;
    let parsed = Url::parse(&url).map_err(|_| not_an_address())?;
    if !matches!(parsed.path(), "" | "/") {
        return Err(
            "it must be scheme and host alone, such as https://va.da.liveperson.net, without a path".into()
        );
    }
    Ok(parsed.origin().ascii_serialization())
}

/// An address with or without path: `https://va.sentinel.liveperson.net/sentinel/…`.
///
/// # Errors
/// A fragment that says what is wrong; it does not hold the address, which may hold a password.
pub fn parse_address(text: &str) -> Result<String, String> {
    let url = Url::parse(text.trim()).map_err(|_| not_an_address())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address must not hold a user name or password".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an address must end before any '?' or '#'".into());
    }
    match (url.scheme(), is_loopback(&url)) {
        ("https", _) | ("http", true) => Ok(url.as_str().trim_end_matches('/').to_owned()),
        ("http", false) => Err("plain http is accepted to this machine only (localhost); use https".into()),
        _ => Err(not_an_address()),
    }
}

fn not_an_address() -> String {
    "not an address such as https://va.da.liveperson.net".into()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for (text, expected) in [
            ("https://va.da.liveperson.net", Ok("https://va.da.liveperson.net")),
            ("https://va.da.liveperson.net/", Ok("https://va.da.liveperson.net")),
            ("https://VA.da.liveperson.net:443", Ok("https://va.da.liveperson.net")),
            ("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080")),
            ("http://[::1]:8080/", Ok("http://[::1]:8080")),
            ("http://localhost:1", Ok("http://localhost:1")),
            (
                "http://va.da.liveperson.net",
                Err("plain http is accepted to this machine only (localhost); use https"),
            ),
            (
                "http://localhost.evil.example",
                Err("plain http is accepted to this machine only (localhost); use https"),
            ),
            ("va.da.liveperson.net", Err("not an address such as https://va.da.liveperson.net")),
            ("ftp://localhost", Err("not an address such as https://va.da.liveperson.net")),
            ("https://u:p@va.da.liveperson.net", Err("an address must not hold a user name or password")),
            ("https://va.da.liveperson.net?x=1", Err("an address must end before any '?' or '#'")),
            (
                "https://va.da.liveperson.net/data",
                Err("it must be scheme and host alone, such as https://va.da.liveperson.net, without a path"),
            ),
        ] {
            assert_eq!(parse_origin(text), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
        assert_eq!(parse_address("http://127.0.0.1:1/a/b/"), Ok("http://127.0.0.1:1/a/b".into()));
    }
}
