//! Texts of sizes and spans of time, both ways: `512MiB` <-> 536870912, `15s` <-> 15 seconds.

use std::time::Duration;

const SIZE_UNITS: [(&str, u64); 10] = [
    ("tib", 1 << 40),
    ("gib", 1 << 30),
    ("mib", 1 << 20),
    ("kib", 1 << 10),
    ("tb", 1_000_000_000_000),
    ("gb", 1_000_000_000),
    ("mb", 1_000_000),
    ("kb", 1_000),
    ("b", 1),
    ("", 1),
];

/// Bytes of `512MiB`, `2GiB`, `10MB`, `1.5GiB` or plain `1048576`. Case and a space before the unit
/// do not matter.
///
/// # Errors
/// A fragment that names the accepted forms.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is not a size such as 512MiB, 2GiB, 10MB or 1048576");
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = lower.strip_prefix(digits).unwrap_or_default();
    let factor = SIZE_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let (number, factor) = (digits.trim_end(), factor.ok_or_else(wrong)?);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(wrong);
    }
    let parts = number.parse::<f64>().map_err(|_| wrong())? * factor as f64;
    let fits = number.bytes().all(|b| b.is_ascii_digit() || b == b'.') && factor > 1 && parts < 1e18;
    if fits { Ok(parts as u64) } else { Err(wrong()) }
}

/// The shortest exact text of a number of bytes: `512MiB`, `10MB`, `1000001`.
pub fn show_size(bytes: u64) -> String {
    let named = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)].map(|(name, bits)| (name, 1u64 << bits));
    let decimal = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    for (name, factor) in named.into_iter().chain(decimal) {
        if bytes >= factor && bytes.is_multiple_of(factor) {
            return format!("{}{name}", bytes / factor);
        }
    }
    bytes.to_string()
}

/// A span of time such as `500ms`, `15s`, `2m` or `1h`.
///
/// # Errors
/// A fragment that names the accepted forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a span of time such as 500ms, 15s, 2m or 1h");
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.trim_end().parse().map_err(|_| wrong())?;
    let factor_ms = match lower.strip_prefix(digits).unwrap_or_default() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor_ms).map(Duration::from_millis).ok_or_else(wrong)
}

/// The shortest exact text of a span of time: `15s`, `2m`, `1500ms`.
pub fn show_duration(span: Duration) -> String {
    let ms = span.as_millis();
    for (name, factor) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if ms >= factor && ms.is_multiple_of(factor) {
            return format!("{}{name}", ms / factor);
        }
    }
    format!("{ms}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("512MiB", 536_870_912),
            ("2GiB", 2_147_483_648),
            ("2 gib", 2_147_483_648),
            ("10MB", 10_000_000),
            ("1.5GiB", 1_610_612_736),
            ("0.5 kb", 500),
            ("4096", 4096),
            ("7B", 7),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "MiB", "-1MiB", "12x", "1.5", "1e3MB", "99999999999TiB", "nan", "infTiB", "1,5GiB", "٣MiB"]
        {
            let expected = format!("'{text}' is not a size such as 512MiB, 2GiB, 10MB or 1048576");
            assert_eq!(parse_size(text), Err(expected));
        }
    }

    #[test]
    fn shown_sizes_read_back() {
        for bytes in [0, 1, 999, 1000, 1024, 1_000_001, 536_870_912, 10_000_000, 64 << 30, u64::MAX] {
            assert_eq!(parse_size(&show_size(bytes)), Ok(bytes));
        }
        assert_eq!(show_size(512 << 20), "512MiB");
    }

    #[test]
    fn spans() {
        for (text, ms, shown) in [
            ("15s", 15_000, "15s"),
            ("500ms", 500, "500ms"),
            ("120 s", 120_000, "2m"),
            ("2m", 120_000, "2m"),
            ("1h", 3_600_000, "1h"),
            ("0s", 0, "0ms"),
        ] {
            let span = Duration::from_millis(ms);
            assert_eq!(parse_duration(text), Ok(span), "{text}");
            assert_eq!(show_duration(span), shown);
        }
        for text in ["", "15", "s", "-1s", "1.5s", "1d", "99999999999999999999h"] {
            let expected = format!("'{text}' is not a span of time such as 500ms, 15s, 2m or 1h");
            assert_eq!(parse_duration(text), Err(expected));
        }
    }
}
