//! Figures for people: `1,234,567`, `1.2 GiB`, `3 min 20 s`.

pub use crate::model::{count, counted};

/// `1.2 GiB`
pub fn bytes(number: u64) -> String {
    let units = [("TiB", 40u32), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.iter().find(|(_, bits)| number >= 1 << bits) {
        Some((unit, bits)) => format!("{:.1} {unit}", number as f64 / (1u64 << bits) as f64),
        None => format!("{number} B"),
    }
}

/// `0.8 s`, `3 min 20 s`, `2 h 05 min`
pub fn seconds(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{:.1} s", seconds.max(0.0)),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        for (number, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")] {
            assert_eq!(bytes(number), text);
        }
        for (number, text) in
            [(-1.0, "0.0 s"), (0.84, "0.8 s"), (200.2, "3 min 20 s"), (7_500.0, "2 h 05 min")]
        {
            assert_eq!(seconds(number), text);
        }
    }
}
