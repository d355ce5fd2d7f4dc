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
#[derive(Clone, Debug, PartialEq, Eq)]
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
            if !self.passes(block, max_depth) {
                match self.block(block, max_depth) {
                    Reach::NeedMore => {}
                    done => return done,
                }
            }
            self.at += 64;
        }
        if !ended || tail.is_empty() {
            return Reach::NeedMore;
        }
        let mut block = [b' '; 64];
        block.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
        self.block(&block, max_depth)
    }

    /// Passes a block as most are: no bracket inside a string or at the start of a line, the value's end not near. Else
    /// nothing is passed. Half of the work of [`Brackets::block`], as brackets need to be counted only.
    #[inline(always)]
    fn passes(&mut self, block: &[u8; 64], max_depth: usize) -> bool {
        let block = Block::of(block);
        let before = self.escaped;
        let mut quotes = block.equal(b'"').bits();
        if before != 0 || block.holds(b'\\') {
            quotes &= !self.escaped_by(block.equal(b'\\').bits());
        }
        let inside = running_xor(quotes) ^ self.in_string;
        let folded = block.folded();
        let (open, close) = (folded.equal(b'{'), folded.equal(b'}'));
        let brackets = open.or(close).bits();
        let (opened, closed) = (open.count(), close.count());
        let (mut odd, mut line_break) = (brackets & inside, 0);
        if self.line_break != 0 || block.holds(b'\n') {
            line_break = block.equal(b'\n').bits();
            odd |= line_break & inside | (line_break << 1 | self.line_break) & brackets;
        }
        let is_plain = odd == 0 && self.depth > closed && self.depth + opened <= max_depth;
        if is_plain {
            self.depth = self.depth + opened - closed;
            self.in_string = highest_spread(inside);
            self.line_break = line_break >> 63;
        } else {
            self.escaped = before;
        }
        is_plain
    }

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
        self.in_string = highest_spread(inside);
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

/// Sixteen bytes at a time, or a mask for each of them.
#[derive(Clone, Copy)]
struct Block([u8x16; 4]);

impl Block {
    #[inline(always)]
    fn of(block: &[u8; 64]) -> Block {
        let mut sixteens = [u8x16::ZERO; 4];
        sixteens.iter_mut().zip(block.as_chunks::<16>().0).for_each(|(to, from)| *to = u8x16::new(*from));
        Block(sixteens)
    }

    /// Masks of the bytes that are this letter.
    #[inline(always)]
    fn equal(self, letter: u8) -> Block {
        Block(self.0.map(|bytes| bytes.simd_eq(u8x16::splat(letter))))
    }

    /// With `[` as `{` and `]` as `}`: in ASCII they differ in this bit alone.
    #[inline(always)]
    fn folded(self) -> Block {
        Block(self.0.map(|bytes| bytes | u8x16::splat(0x20)))
    }

    #[inline(always)]
    fn holds(self, letter: u8) -> bool {
        let [a, b, c, d] = self.equal(letter).0;
        (a | b | c | d).to_bitmask() != 0
    }

    #[inline(always)]
    fn or(self, other: Block) -> Block {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Block([a | e, b | f, c | g, d | h])
    }

    /// A bit per mask.
    #[inline(always)]
    fn bits(self) -> u64 {
        let [a, b, c, d] = self.0.map(|bytes| u64::from(bytes.to_bitmask()));
        a | b << 16 | c << 32 | d << 48
    }

    /// How many masks are set.
    #[inline(always)]
    fn count(self) -> usize {
        // A set mask is -1; in each place there are four at most, and eight in the sum of both halves.
        let [a, b, c, d] = self.0;
        let places = (u8x16::ZERO - (a + b + c + d)).to_array();
        let halves = places.as_chunks::<8>().0.iter().map(|half| u64::from_le_bytes(*half)).sum::<u64>();
        (halves.wrapping_mul(0x0101_0101_0101_0101) >> 56) as usize
    }
}

/// The highest bit, spread over all bits.
#[inline(always)]
fn highest_spread(bits: u64) -> u64 {
    ((bits as i64) >> 63) as u64
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
    fn of(block: &[u8; 64]) -> Bits {
        let block = Block::of(block);
        let folded = block.folded();
        Bits {
            quote: block.equal(b'"').bits(),
            backslash: block.equal(b'\\').bits(),
            open: folded.equal(b'{').bits(),
            close: folded.equal(b'}').bits(),
            line_break: block.equal(b'\n').bits(),
        }
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

        /// What is passed quickly is passed with the same outcome in full.
        #[test]
        fn the_quick_pass_is_as_the_full_one(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", "\"", "\"a\":", "\\", "\\\"", "\n", "\n {", "\n{", "1,", "{\"long\": 5}, ", "\"text\"",
                "\"\u{e9} and a longer text \\\\\"", "        ", "\"{\"",
            ]), 0..150),
        ) {
            let text = format!("{{{{{{{{{{{{{}", parts.concat());
            let (mut quick, mut full) = (Brackets::new(0), Brackets::new(0));
            for block in text.as_bytes().as_chunks::<64>().0 {
                let before = quick.clone();
                let is_passed = quick.passes(block, 12);
                let reach = full.block(block, 12);
                if is_passed {
                    prop_assert_eq!(reach, Reach::NeedMore);
                } else {
                    prop_assert_eq!(&quick, &before);
                    prop_assert_eq!(quick.block(block, 12), reach);
                }
                prop_assert_eq!(&quick, &full);
                if reach != Reach::NeedMore {
                    break;
                }
            }
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
