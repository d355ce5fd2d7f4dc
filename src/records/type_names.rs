//! Names of union branches: primitive types, and records or enums by their full or short name.

/// Text of the last segment of a wrapper's name: `Goal` of `com.liveperson.dataaccess.Goal`.
pub fn short_name(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// A full type name, or one of the expected short names.
pub(super) fn names_type(key: &[u8], wrappers: &[&str]) -> bool {
    is_full_name(key) || wrappers.iter().any(|name| key.eq_ignore_ascii_case(name.as_bytes()))
}

/// `com.liveperson.dataaccess.Goal`: names joined by dots.
fn is_full_name(key: &[u8]) -> bool {
    key.contains(&b'.')
        && key.split(|b| *b == b'.').all(|segment| {
            !segment.is_empty()
                && segment.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$'))
        })
}

pub(super) fn is_primitive(key: &[u8]) -> bool {
    matches!(key, b"string" | b"long" | b"int" | b"boolean" | b"double" | b"float")
        || [&b"string"[..], b"long", b"int", b"boolean", b"double", b"float", b"bytes", b"enum"]
            .iter()
            .any(|name| key.eq_ignore_ascii_case(name))
}
