//! Numbers for people, as every room's sentences have them: `1,234 parts`, `1 entry`.

/// `1,234,567`
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun, which is given in the singular: `3 parts`, `1 part`, `2 entries`, `0 batches`.
pub fn counted(number: u64, noun: &str) -> String {
    let number_text = count(number);
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("{number_text} {noun}"),
        (_, Some(stem)) => format!("{number_text} {stem}ies"),
        _ if noun.ends_with("ch") => format!("{number_text} {noun}es"),
        _ => format!("{number_text} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_their_nouns() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        for (number, noun, text) in [
            (1, "part", "1 part"),
            (1234, "part", "1,234 parts"),
            (1, "entry", "1 entry"),
            (0, "retry", "0 retries"),
            (2, "batch", "2 batches"),
        ] {
            assert_eq!(counted(number, noun), text);
        }
    }
}
