//! Where lines end.

use memchr::memchr2;

/// How many bytes are looked at in one go.
const BLOCK: usize = 64;

/// The positions of all CR and LF in an input, in order.
///
/// Most lines of event streams are short: a bit for each byte of a block finds several ends at the price of one. A line that
/// is longer than a block is left to memchr.
pub struct LineEnds<'i> {
    input: &'i [u8],
    block: Block,
}

/// A block in which there are ends.
struct Block {
    start: usize,
    /// Where the next one begins.
    next: usize,
    /// The ends that are still to come.
    ends: u64,
}

impl<'i> LineEnds<'i> {
    pub fn new(input: &'i [u8]) -> LineEnds<'i> {
        LineEnds {
            input,
            block: Block {
                start: 0,
                next: 0,
                ends: 0,
            },
        }
    }
}

impl Iterator for LineEnds<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.block.ends == 0 {
            self.block = Block::first(self.input, self.block.next)?;
        }
        let Block { start, ends, .. } = self.block;
        self.block.ends = ends & (ends - 1);
        Some(start + ends.trailing_zeros() as usize)
    }
}

impl Block {
    /// The first one from `start` on.
    #[inline(never)]
    fn first(input: &[u8], start: usize) -> Option<Block> {
        match input.get(start..)?.first_chunk() {
            None => Block::last(input, start),
            Some(block) => match line_ends(block) {
                0 => Block::after_long_line(input, start + BLOCK),
                ends => Some(Block {
                    start,
                    next: start + BLOCK,
                    ends,
                }),
            },
        }
    }

    #[inline(never)]
    fn after_long_line(input: &[u8], start: usize) -> Option<Block> {
        let end = memchr2(b'\n', b'\r', &input[start..])?;
        Block::first(input, start + end)
    }

    /// What is left and is less than a block.
    #[inline(never)]
    fn last(input: &[u8], start: usize) -> Option<Block> {
        let rest = &input[start..];
        let mut block = [0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        let block = Block {
            start,
            next: input.len(),
            ends: line_ends(&block),
        };
        (block.ends != 0).then_some(block)
    }
}

/// A bit for each byte that is CR or LF, the first byte's the lowest.
#[cfg(target_arch = "x86_64")]
#[inline]
fn line_ends(block: &[u8; BLOCK]) -> u64 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };
    let mut ends = 0;
    for (i, part) in block.chunks_exact(size_of::<__m128i>()).enumerate() {
        // SAFETY: every x86-64 has SSE2. The load reads as many bytes as `part` has, which need not be aligned.
        let part_ends = unsafe {
            let part = _mm_loadu_si128(part.as_ptr().cast());
            let is_lf = _mm_cmpeq_epi8(part, _mm_set1_epi8(b'\n' as i8));
            let is_cr = _mm_cmpeq_epi8(part, _mm_set1_epi8(b'\r' as i8));
            _mm_movemask_epi8(_mm_or_si128(is_lf, is_cr))
        };
        ends |= u64::from(part_ends as u16) << (i * size_of::<__m128i>());
    }
    ends
}

/// The same without vectors.
#[cfg(any(not(target_arch = "x86_64"), test))]
mod portable {
    use super::BLOCK;

    /// Puts a word's eight highest bits of bytes into one byte.
    const GATHER: u64 = 0x0002_0408_1020_4081;
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;

    pub fn line_ends(block: &[u8; BLOCK]) -> u64 {
        let mut ends = 0;
        for (i, word) in block.as_chunks().0.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            let found = zeros(word ^ splat(b'\n')) | zeros(word ^ splat(b'\r'));
            ends |= (found.wrapping_mul(GATHER) >> 56) << (8 * i);
        }
        ends
    }

    const fn splat(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }

    /// The highest bit of each byte that is zero.
    fn zeros(word: u64) -> u64 {
        !(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS)
    }
}
#[cfg(not(target_arch = "x86_64"))]
use portable::line_ends;

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs of all lengths around a block, with ends at all places, and what looks like ends to careless arithmetic.
    fn inputs() -> impl Iterator<Item = Vec<u8>> {
        let fills = [
            b'x',
            0,
            b'\n' - 1,
            b'\n' + 1,
            b'\r' - 1,
            b'\r' + 1,
            0x8a,
            0x8d,
            0xff,
        ];
        let lengths = (0..4).chain(60..70).chain(125..132).chain([1000]);
        lengths.flat_map(move |len| {
            let every = fills.into_iter().enumerate().map(move |(i, fill)| {
                let mut input = vec![fill; len];
                for at in (i..len).step_by(2 * i + 1) {
                    input[at] = [b'\n', b'\r'][at % 2];
                }
                input
            });
            let single = (0..len).map(move |at| {
                let mut input = vec![fills[at % fills.len()]; len];
                input[at] = [b'\n', b'\r'][at % 2];
                input
            });
            every.chain(single).chain([vec![b'x'; len]])
        })
    }

    fn is_end(byte: &u8) -> bool {
        matches!(byte, b'\n' | b'\r')
    }

    #[test]
    fn all_ends_are_found_and_nothing_else() {
        for input in inputs() {
            let expected: Vec<_> = (0..input.len()).filter(|at| is_end(&input[*at])).collect();
            let found: Vec<_> = LineEnds::new(&input).collect();
            assert_eq!(found, expected, "{:?}", input.escape_ascii());
        }
    }

    #[test]
    fn without_vectors_they_are_the_same() {
        for input in inputs() {
            for block in input.as_chunks().0 {
                let expected = (0..BLOCK)
                    .map(|at| u64::from(is_end(&block[at])) << at)
                    .sum();
                assert_eq!(portable::line_ends(block), expected, "{block:?}");
            }
        }
    }
}
