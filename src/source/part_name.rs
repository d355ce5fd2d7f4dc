//! Part names are data from outside. Which of them are taken, and how the others are shown. Pure.
//!
//! ```text
//! WebSession.1464778800000.1464782400000.part-00000-0, odd name   taken
//! ../../etc/passwd, a/b, a\0b, 300 bytes                          refused, shown escaped and cut
//! ```

const MAX_NAME_BYTES: usize = 200;
/// Characters of an unusable name in a message.
const MAX_SHOWN_NAME: usize = 80;

/// Names go into ledgers, columns and messages, and their users may make paths of them.
///
/// # Errors
/// A fragment that says what is wrong.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    // Zero-width and direction marks make one name look like another.
    let deceives = |c: char| matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if name.is_empty() {
        Err("its name is empty")
    } else if name.len() > MAX_NAME_BYTES {
        Err("its name is longer than 200 bytes")
    } else if name.contains(['/', '\\']) || name == "." || name.contains("..") {
        Err("its name could be a path")
    } else if name.chars().any(|c| c.is_control() || deceives(c)) {
        Err("its name holds control characters")
    } else {
        Ok(())
    }
}

/// A name for messages: escaped and cut.
pub(super) fn shown(name: &str) -> String {
    let escaped = name.escape_debug().to_string();
    match escaped.char_indices().nth(MAX_SHOWN_NAME) {
        Some((end, _)) => format!("{}…", escaped.get(..end).unwrap_or_default()),
        None => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_escaped_and_cut() {
        assert_eq!(shown("a\u{1b}b"), "a\\u{1b}b");
        assert_eq!(shown(&"é".repeat(300)).chars().count(), MAX_SHOWN_NAME + 1);
        assert!(check(&"x".repeat(MAX_NAME_BYTES)).is_ok());
        assert!(check("Survey.1.2.part-00000-0").is_ok());
        assert!(check("odd name").is_ok());
        assert!(check(".").is_err());
    }
}
