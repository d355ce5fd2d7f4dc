//! The end of a JSON value by its brackets and quotes alone, 64 bytes at a time.
//!
//! ```text
//! {"a":"x}","b":[1]}\n{"c":2}      the block as bits, one per byte; bit 0 is the first byte
//! quotes        .1.1.1..1.1.1......   -> inside strings (running xor)
//! open, close   1.............1.11…   without those inside strings -> depth; where it returns to 0 ends the value
//! ```
//! A fast gear for framing: it knows sound text only. What looks odd (a line break inside a string, a
//! bracket at the start of a line inside the value, too great a depth) is left to the careful scan of
//! `framing`, from the value's start. Which brackets match is not looked at: who parses the value finds out.

use wide::u8x16;

/// Where the scan of a value stands; it can go on when more text is there.
#[derive(Clone, Debug)]
pub(super) struct Brackets {
    /// Offset of the next block in the text.
    pub at: usize,
    depth: usize,
    /// All ones inside a string, else zero.
    in_string: u64,
    /// 1 when the next byte is escaped.
    escaped: u64,
    /// 1 when the last byte was a line break.
    line_break: u64,
}

/// How far a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// To this offset, its closing bracket included.
    End(usize),
    NeedMore,
    Odd,
}

impl Brackets {
    /// `start`: offset of the value's opening bracket.
    pub fn new(start: usize) -> Brackets {
        Brackets { at: start, depth: 0, in_string: 0, escaped: 0, line_break: 0 }
    }

    /// Goes on to the value's end, or as far as whole blocks are there (`ended`: to the text's end).
    pub fn advance(&mut self, text: &[u8], max_depth: usize, ended: bool) -> Reach {
        let rest = text.get(self.at..).unwrap_or_default();
        let (blocks, tail) = rest.as_chunks::<64>();
        for block in blocks {
            match self.block(block, max_depth) {
                Reach::NeedMore => self.at += 64,
                done => return done,
            }
        }
        if !ended || tail.is_empty() {
            return Reach::NeedMore;
        }
        let mut block = [b' '; 64];
        block.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
        self.block(&block, max_depth)
    }

    #[inline]
    fn block(&mut self, block: &[u8; 64], max_depth: usize) -> Reach {
        let bits = Bits::of(block);
        let quotes = bits.quote & !self.escaped_by(bits.backslash);
        let inside = running_xor(quotes) ^ self.in_string;
        let (mut open, mut close) = (bits.open & !inside, bits.close & !inside);
        let starts_line = bits.line_break << 1 | self.line_break;
        let odd = bits.line_break & inside | starts_line & open;
        let (opened, closed) = (open.count_ones() as usize, close.count_ones() as usize);
        if odd == 0 && self.depth > closed && self.depth + opened <= max_depth {
            self.depth = self.depth + opened - closed;
        } else {
            // The value may end in this block, and what is odd may lie behind its end.
            while open | close != 0 {
                let bit = (open | close).trailing_zeros();
                let lowest = 1u64 << bit;
                if odd & (lowest | (lowest - 1)) != 0 && self.depth > 0 {
                    return Reach::Odd;
                }
                if open & lowest != 0 {
                    self.depth += 1;
                    open ^= lowest;
                    if self.depth > max_depth {
                        return Reach::Odd;
                    }
                } else {
                    close ^= lowest;
                    let Some(depth) = self.depth.checked_sub(1) else { return Reach::Odd };
                    self.depth = depth;
                    if depth == 0 {
                        return Reach::End(self.at + bit as usize + 1);
                    }
                }
            }
            if odd != 0 {
                return Reach::Odd;
            }
        }
        // The highest bit, spread over all bits.
        self.in_string = ((inside as i64) >> 63) as u64;
        self.line_break = bits.line_break >> 63;
        Reach::NeedMore
    }

    /// Bytes that a backslash escapes: those behind an odd number of backslashes.
    #[inline]
    fn escaped_by(&mut self, backslash: u64) -> u64 {
        if backslash == 0 {
            return std::mem::take(&mut self.escaped);
        }
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let backslash = backslash & !self.escaped;
        let follows = backslash << 1 | self.escaped;
        let odd_starts = backslash & !EVEN & !follows;
        // The carry of the addition runs through each row of backslashes to the byte behind it.
        let (even_rows, overflow) = odd_starts.overflowing_add(backslash);
        self.escaped = u64::from(overflow);
        (EVEN ^ (even_rows << 1)) & follows
    }
}

/// Bit i of the result: xor of bits 0 to i.
#[inline]
fn running_xor(bits: u64) -> u64 {
    let mut sum = bits;
    for shift in [1, 2, 4, 8, 16, 32] {
        sum ^= sum << shift;
    }
    sum
}

/// Which bytes of a block are what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bits {
    quote: u64,
    backslash: u64,
    open: u64,
    close: u64,
    line_break: u64,
}

impl Bits {
    #[inline]
    fn of(block: &[u8; 64]) -> Bits {
        let equal = |bytes: u8x16, letter: u8| u64::from(bytes.simd_eq(u8x16::splat(letter)).to_bitmask());
        let mut bits = Bits::default();
        for (index, sixteen) in block.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(*sixteen);
            // In ASCII `[` and `{` differ in this bit alone, and so do `]` and `}`.
            let folded = bytes | u8x16::splat(0x20);
            let shift = 16 * index;
            bits.quote |= equal(bytes, b'"') << shift;
            bits.backslash |= equal(bytes, b'\\') << shift;
            bits.open |= equal(folded, b'{') << shift;
            bits.close |= equal(folded, b'}') << shift;
            bits.line_break |= equal(bytes, b'\n') << shift;
        }
        bits
    }

    #[cfg(test)]
    fn one_by_one(block: &[u8; 64]) -> Bits {
        let mut bits = Bits::default();
        for (index, byte) in block.iter().enumerate() {
            bits.quote |= u64::from(*byte == b'"') << index;
            bits.backslash |= u64::from(*byte == b'\\') << index;
            bits.open |= u64::from(byte | 0x20 == b'{') << index;
            bits.close |= u64::from(byte | 0x20 == b'}') << index;
            bits.line_break |= u64::from(*byte == b'\n') << index;
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reach(text: &str) -> Reach {
        Brackets::new(0).advance(text.as_bytes(), 8, true)
    }

    #[test]
    fn values_end_where_their_brackets_close() {
        let long = format!("{{\"a\":\"{}}}\",\"b\":[{{}}]}}", "x\\\"".repeat(100));
        for (text, end) in [
            ("{}", 2),
            ("{}{}", 2),
            ("{\"a\":\"}\"} \n", 9),
            ("{\"a\\\\\":[\"\\\"]\"]}x\"", 15),
            ("{\n \"a\": [\n  1\n]}\n{", 16),
            (&long, long.len()),
        ] {
            assert_eq!(reach(text), Reach::End(end), "{text}");
        }
        for odd in ["{\"a\n\"}", "{\"a\":\n{}}", "{[{[{[{[{", "{\"a\":[1,2\n{\"b\":3}\n"] {
            assert_eq!(reach(odd), Reach::Odd, "{odd}");
        }
        for open in ["{", "{\"a\":\"", "{\"a\\"] {
            assert_eq!(reach(open), Reach::NeedMore, "{open}");
        }
    }

    proptest! {
        #[test]
        fn bits_are_those_of_the_bytes(bytes in prop::collection::vec(any::<u8>(), 64)) {
            let block: [u8; 64] = bytes.try_into().unwrap();
            prop_assert_eq!(Bits::of(&block), Bits::one_by_one(&block));
        }

        #[test]
        fn pieces_make_no_difference(
            text in "[{}\\[\\]\"\\\\,:a\n ]{0,300}",
            cut in 0usize..300,
        ) {
            let text = format!("{{{text}");
            let whole = reach(&text);
            let mut brackets = Brackets::new(0);
            let cut = cut.min(text.len());
            let first = brackets.advance(&text.as_bytes()[..cut], 8, false);
            let pieces = match first {
                Reach::NeedMore => brackets.advance(text.as_bytes(), 8, true),
                done => done,
            };
            prop_assert_eq!(pieces, whole);
        }
    }
}
