//! What of a server's frames reaches h2, so that none makes it hold more than a stream's window.
//!
//! Flow control counts bytes of content, and a frame costs h2 some 280 bytes more, as long as it is not read; beside that it
//! keeps the buffer that the frame was read into. So of each stream only so many frames go to h2 before they are read. What
//! comes behind them is put together, and goes there as one frame when the others have been read. Nothing is lost or late by
//! that, and what flow control counts stays the same. Frames that say nothing (PRIORITY, DATA without content) end here: h2
//! ends a connection after 100 of the latter, with all its streams, and answers some of the former.

use crate::sync::lock;
use std::collections::BTreeMap;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

/// How many frames of a stream go to h2 before they are read.
const MOST_UNREAD: usize = 32;

/// When so few are left, what was put together follows.
const FEW_UNREAD: usize = MOST_UNREAD / 2;

/// Padded frames cannot be put together: what pads them counts for flow control, too. A server that sends so many of them
/// ahead of a reader wants nothing but to fill memory.
const MOST_PADDED: usize = 8 * MOST_UNREAD;

/// How many heads may come for a request: interim ones, the response's, trailers.
const MOST_HEADS: u8 = 32;

/// How many bytes on the wire those of interim responses may be together: until they are read, each holds up to 90.
const MOST_INTERIM: usize = 32 * 1024;

/// The largest frame that h2 takes, as no other size is agreed on.
const LARGEST: usize = 16 * 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// What is known of a connection's streams. The readers of streams and the reader of the connection share it.
#[derive(Clone, Debug, Default)]
pub struct Streams(Arc<Mutex<Lines>>);

/// The streams, by their numbers.
#[derive(Debug, Default)]
pub struct Lines {
    open: BTreeMap<u32, Line>,
    /// Those of which something is held back.
    held: Vec<u32>,
    /// The reader of the connection, while something is held back.
    reader: Option<Waker>,
}

#[derive(Debug)]
struct Line {
    ahead: Arc<Ahead>,
    heads: u8,
    /// Their bytes, as far as they have come.
    head_bytes: usize,
    /// Its reader has gone.
    is_over: bool,
    held: Vec<u8>,
}

/// How far the server is ahead of a stream's reader.
#[derive(Debug, Default)]
struct Ahead {
    /// Frames that h2 has and that are still unread.
    frames: AtomicUsize,
    /// More has come, which waits until those are read.
    is_held: AtomicBool,
}

/// A stream's reader, for as long as there is one.
#[derive(Debug)]
pub struct Reader {
    streams: Streams,
    stream: u32,
    ahead: Arc<Ahead>,
}

impl Streams {
    /// For what belongs together: nothing of the connection is read meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, Lines> {
        lock(&self.0)
    }

    /// A stream has been opened.
    pub fn add(&self, lines: &mut Lines, stream: u32) -> Reader {
        let ahead = Arc::new(Ahead::default());
        let line = Line {
            ahead: ahead.clone(),
            heads: 0,
            head_bytes: 0,
            is_over: false,
            held: Vec::new(),
        };
        lines.open.insert(stream, line);
        Reader {
            streams: self.clone(),
            stream,
            ahead,
        }
    }
}

impl Reader {
    /// So many frames have been read.
    pub fn has_read(&self, frames: usize) {
        // In the order of all threads: either this sees that something is held back, or who holds it back sees the number.
        let before = self.ahead.frames.fetch_sub(frames, Ordering::SeqCst);
        if before.saturating_sub(frames) <= FEW_UNREAD && self.ahead.is_held.load(Ordering::SeqCst)
        {
            let reader = self.streams.lock().reader.take();
            if let Some(reader) = reader {
                reader.wake();
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut lines = self.streams.lock();
        let Some(line) = lines.open.get_mut(&self.stream) else {
            return;
        };
        if line.held.is_empty() && !line.ahead.is_held.load(Ordering::SeqCst) {
            lines.open.remove(&self.stream);
        } else {
            // h2 is to see it, because it counts for the connection's window.
            line.is_over = true;
        }
    }
}

impl Lines {
    /// Something is held back, so that this is to be called when it can go on.
    pub fn wake(&mut self, reader: &Waker) {
        if !self.held.is_empty() {
            self.reader = Some(reader.clone());
        }
    }

    /// Passes on all that is held back of a stream, as its end, if it is that.
    fn release(&mut self, stream: u32, is_end: bool, out: &mut impl FnMut(&[u8])) {
        let Some(line) = self.open.get_mut(&stream) else {
            return;
        };
        let held = mem::take(&mut line.held);
        if !held.is_empty() || is_end {
            line.pass(stream, if is_end { END_STREAM } else { 0 }, &held, out);
        }
        line.ahead.is_held.store(false, Ordering::SeqCst);
        if line.is_over {
            self.open.remove(&stream);
        }
        self.held.retain(|held| *held != stream);
    }

    /// Passes on all that is held back, because the connection ends.
    pub fn release_all(&mut self, out: &mut impl FnMut(&[u8])) {
        while let Some(stream) = self.held.last().copied() {
            self.release(stream, false, out);
        }
    }
}

impl Line {
    fn unread(&self) -> usize {
        self.ahead.frames.load(Ordering::SeqCst)
    }

    fn pass(&self, stream: u32, flags: u8, data: &[u8], out: &mut impl FnMut(&[u8])) {
        self.ahead.frames.fetch_add(1, Ordering::SeqCst);
        let [_, a, b, c] = (data.len() as u32).to_be_bytes();
        let [d, e, f, g] = stream.to_be_bytes();
        out(&[a, b, c, DATA, flags, d, e, f, g]);
        out(data);
    }

    fn hold(&mut self, stream: u32, mut data: &[u8], out: &mut impl FnMut(&[u8])) {
        while self.held.len() + data.len() >= LARGEST {
            let (now, later) = data.split_at(LARGEST - self.held.len());
            self.held.extend_from_slice(now);
            let full = mem::take(&mut self.held);
            self.pass(stream, 0, &full, out);
            data = later;
        }
        self.held.extend_from_slice(data);
    }
}

/// What a connection's bytes go through, frame by frame (RFC 9113, section 4.1).
#[derive(Debug, Default)]
pub struct Filter {
    /// A frame's head, as far as it has come, and the length of its padding, where there is one.
    head: [u8; 10],
    known: usize,
    /// What is still to come of the frame behind that.
    rest: usize,
    fate: Fate,
    /// A head is not complete, so that nothing else may come.
    is_in_head: bool,
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, Default)]
enum Fate {
    #[default]
    Passes,
    Ends,
    /// It is held back. As the end of the stream, if it is that.
    Waits(u32, bool),
}

impl Filter {
    /// Passes on what of these bytes h2 is to see, or says what is wrong with them.
    pub fn pass(
        &mut self,
        lines: &mut Lines,
        mut bytes: &[u8],
        out: &mut impl FnMut(&[u8]),
    ) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let (now, later) = bytes.split_at(self.rest.min(bytes.len()));
                bytes = later;
                self.rest -= now.len();
                match self.fate {
                    Fate::Passes => out(now),
                    Fate::Ends => {}
                    Fate::Waits(stream, _) => {
                        if let Some(line) = lines.open.get_mut(&stream) {
                            line.hold(stream, now, out);
                        }
                    }
                }
            } else {
                let (now, later) = bytes.split_at(self.missing().min(bytes.len()));
                bytes = later;
                self.head[self.known..self.known + now.len()].copy_from_slice(now);
                self.known += now.len();
                if self.missing() > 0 {
                    continue;
                }
                self.begin(lines, out)?;
            }
            if self.rest == 0 {
                if let Fate::Waits(stream, true) = self.fate {
                    lines.release(stream, true, out);
                }
                self.fate = Fate::Passes;
            }
        }
        Ok(())
    }

    /// What is missing of a frame's head.
    fn missing(&self) -> usize {
        let is_padded = self.head[3] == DATA && self.head[4] & PADDED != 0 && self.len() > 0;
        let len = if self.known >= 9 && is_padded { 10 } else { 9 };
        len - self.known
    }

    fn len(&self) -> usize {
        let [a, b, c, ..] = self.head;
        u32::from_be_bytes([0, a, b, c]) as usize
    }

    /// A frame's head has come.
    fn begin(
        &mut self,
        lines: &mut Lines,
        out: &mut impl FnMut(&[u8]),
    ) -> Result<(), &'static str> {
        let [_, _, _, kind, flags, a, b, c, d, padding] = self.head;
        let stream = u32::from_be_bytes([a & 0x7f, b, c, d]);
        let head = mem::take(&mut self.known);
        self.rest = self.len() + 9 - head;
        match kind {
            DATA => {
                let padding = (head > 9).then_some(usize::from(padding));
                self.fate = self.data(lines, stream, padding, out)?;
            }
            PRIORITY if self.len() == 5 && stream > 0 && !self.is_in_head => self.fate = Fate::Ends,
            HEADERS => {
                self.is_in_head = flags & END_HEADERS == 0;
                // Only trailers can come behind the response's own.
                let is_last = flags & END_STREAM != 0;
                if let Some(line) = lines.open.get_mut(&stream) {
                    line.heads = line.heads.saturating_add(1);
                    if line.heads > MOST_HEADS || line.head_bytes > MOST_INTERIM && !is_last {
                        return Err("the server sends interim responses without end");
                    }
                    line.head_bytes += self.len();
                    lines.release(stream, false, out);
                }
            }
            CONTINUATION => {
                self.is_in_head = flags & END_HEADERS == 0;
                if let Some(line) = lines.open.get_mut(&stream) {
                    line.head_bytes += self.len();
                }
            }
            RST_STREAM => lines.release(stream, false, out),
            GOAWAY => lines.release_all(out),
            _ => {}
        }
        if let Fate::Passes = self.fate {
            out(&self.head[..head]);
        }
        Ok(())
    }

    /// Content has come, of which padding is none.
    fn data(
        &self,
        lines: &mut Lines,
        stream: u32,
        padding: Option<usize>,
        out: &mut impl FnMut(&[u8]),
    ) -> Result<Fate, &'static str> {
        let is_end = self.head[4] & END_STREAM != 0;
        let is_empty = self.rest <= padding.unwrap_or(0);
        if self.len() == 0 && !is_end && stream > 0 && !self.is_in_head {
            return Ok(Fate::Ends);
        }
        let Some(line) = lines.open.get(&stream).filter(|_| !self.is_in_head) else {
            return Ok(Fate::Passes);
        };
        let is_held = line.ahead.is_held.load(Ordering::Relaxed);
        let unread = line.unread();
        // What is too large is h2's affair.
        if (is_held || unread >= MOST_UNREAD) && padding.is_none() && self.len() <= LARGEST {
            if !is_held {
                line.ahead.is_held.store(true, Ordering::SeqCst);
                lines.held.push(stream);
            }
            return Ok(Fate::Waits(stream, is_end));
        }
        if unread >= MOST_PADDED {
            return Err("the server sends padded frames faster than they are read");
        }
        if is_held {
            lines.release(stream, false, out);
        }
        if (!is_empty || is_end)
            && let Some(line) = lines.open.get(&stream)
        {
            line.ahead.frames.fetch_add(1, Ordering::SeqCst);
        }
        Ok(Fate::Passes)
    }

    /// Passes on the held back frames of streams that have been read, or whose reader has gone.
    pub fn settle(&self, lines: &mut Lines, out: &mut impl FnMut(&[u8])) {
        if lines.held.is_empty() || !self.is_between() {
            return;
        }
        let coming = match self.fate {
            Fate::Waits(stream, _) if self.rest > 0 => Some(stream),
            _ => None,
        };
        for stream in lines.held.clone() {
            let line = lines.open.get(&stream);
            let goes = line.is_some_and(|line| line.is_over || line.unread() <= FEW_UNREAD);
            if goes && coming != Some(stream) {
                lines.release(stream, false, out);
            }
        }
    }

    /// Other frames may come here.
    pub fn is_between(&self) -> bool {
        !self.is_in_head && (self.rest == 0 || !matches!(self.fate, Fate::Passes))
    }

    /// What has come of a head that will not be complete.
    pub fn remainder(&mut self) -> &[u8] {
        let known = mem::take(&mut self.known);
        &self.head[..known]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame, with its payload.
    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let len = (payload.len() as u32).to_be_bytes();
        let head = [&len[1..], &[kind, flags], &stream.to_be_bytes()];
        [&head.concat(), payload].concat()
    }

    fn data(stream: u32, payload: &[u8]) -> Vec<u8> {
        frame(DATA, 0, stream, payload)
    }

    /// A filter, and what has passed it.
    #[derive(Default)]
    struct Trial {
        filter: Filter,
        streams: Streams,
        passed: Vec<u8>,
    }

    impl Trial {
        fn open(&self, stream: u32) -> Reader {
            self.streams.add(&mut self.streams.lock(), stream)
        }

        fn pass(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
            let mut lines = self.streams.lock();
            let mut out = |bytes: &[u8]| self.passed.extend_from_slice(bytes);
            self.filter.pass(&mut lines, bytes, &mut out)?;
            self.filter.settle(&mut lines, &mut out);
            Ok(())
        }

        fn settle(&mut self) -> Vec<u8> {
            self.pass(&[]).expect("nothing is wrong with nothing");
            mem::take(&mut self.passed)
        }

        /// Has as much come as goes to h2 unread.
        fn fill(&mut self, stream: u32) {
            for _ in 0..MOST_UNREAD {
                self.pass(&data(stream, b"x")).expect("a frame");
            }
            self.passed.clear();
        }
    }

    #[test]
    fn what_is_read_passes_as_it_is_however_it_is_cut() {
        let frames = [
            frame(4, 0, 0, &[]),
            frame(HEADERS, 0, 1, b"some of a head"),
            frame(CONTINUATION, END_HEADERS, 1, b"its rest"),
            data(1, b"some content"),
            frame(DATA, PADDED, 1, b"\x02content\0\0"),
            frame(DATA, PADDED, 1, b"\0"),
            frame(6, 0, 0, b"12345678"),
            frame(DATA, END_STREAM, 1, b""),
            frame(RST_STREAM, 0, 1, b"1234"),
            frame(99, 255, 7, b"whatever"),
            frame(GOAWAY, 0, 0, b"12345678"),
            b"half".to_vec(),
        ]
        .concat();
        for size in 1..frames.len() {
            let mut trial = Trial::default();
            let _reader = trial.open(1);
            for piece in frames.chunks(size) {
                trial.pass(piece).expect("frames");
            }
            let rest = trial.filter.remainder().to_vec();
            assert_eq!(rest, b"half");
            assert_eq!([trial.passed, rest].concat(), frames, "pieces of {size}");
        }
    }

    #[test]
    fn what_says_nothing_ends_here() {
        let mut trial = Trial::default();
        let _reader = trial.open(1);
        for stream in [1, 3] {
            trial
                .pass(&frame(PRIORITY, 0, stream, &[0; 5]))
                .expect("a frame");
            trial.pass(&data(stream, b"")).expect("a frame");
        }
        assert!(trial.passed.is_empty());
        // These are faults, of which h2 is to say so.
        let wrong = [frame(PRIORITY, 0, 1, b""), data(0, b"")].concat();
        trial.pass(&wrong).expect("frames");
        assert_eq!(trial.passed, wrong);
    }

    #[test]
    fn what_comes_too_far_ahead_of_the_reader_is_put_together_and_follows_when_it_has_read() {
        for size in [1, 4, 9, 10, 1000] {
            let mut trial = Trial::default();
            let reader = trial.open(1);
            let other = trial.open(3);
            trial.fill(1);
            let more = [data(1, b"one "), data(1, b"two "), data(1, b"three")].concat();
            for piece in more.chunks(size) {
                trial.pass(piece).expect("frames");
            }
            assert!(trial.settle().is_empty());
            trial.pass(&data(3, b"another's")).expect("a frame");
            assert_eq!(trial.settle(), data(3, b"another's"));
            other.has_read(1);
            reader.has_read(MOST_UNREAD - FEW_UNREAD - 1);
            assert!(trial.settle().is_empty());
            reader.has_read(1);
            assert_eq!(trial.settle(), data(1, b"one two three"));
            trial.pass(&data(1, b"four")).expect("a frame");
            assert_eq!(trial.settle(), data(1, b"four"));
        }
    }

    #[test]
    fn nothing_that_was_put_together_is_larger_than_a_frame_may_be() {
        let mut trial = Trial::default();
        let _reader = trial.open(1);
        trial.fill(1);
        let content: Vec<u8> = (0..60_000).map(|n| (n % 251) as u8).collect();
        for piece in content.chunks(1000) {
            trial.pass(&data(1, piece)).expect("a frame");
        }
        let whole = content.chunks_exact(LARGEST);
        let (expected, rest): (Vec<_>, _) = (
            whole.clone().map(|piece| data(1, piece)).collect(),
            whole.remainder(),
        );
        assert!(mem::take(&mut trial.passed) == expected.concat());
        trial
            .pass(&frame(DATA, END_STREAM, 1, b"end"))
            .expect("a frame");
        assert!(trial.passed == frame(DATA, END_STREAM, 1, &[rest, b"end"].concat()));
    }

    #[test]
    fn what_ends_a_stream_comes_behind_what_was_put_together() {
        let held = data(1, b"held");
        let end = frame(DATA, END_STREAM, 1, b"held");
        for (frames, expected) in [
            (frame(DATA, END_STREAM, 1, b""), end),
            (
                frame(HEADERS, END_STREAM, 1, b"trailers"),
                [held.clone(), frame(HEADERS, END_STREAM, 1, b"trailers")].concat(),
            ),
            (
                frame(RST_STREAM, 0, 1, b"1234"),
                [held.clone(), frame(RST_STREAM, 0, 1, b"1234")].concat(),
            ),
            (
                frame(GOAWAY, 0, 0, b"12345678"),
                [held, frame(GOAWAY, 0, 0, b"12345678")].concat(),
            ),
        ] {
            let mut trial = Trial::default();
            let _reader = trial.open(1);
            trial.fill(1);
            trial.pass(&data(1, b"held")).expect("a frame");
            trial.pass(&frames).expect("frames");
            assert_eq!(trial.passed, expected);
        }
    }

    #[test]
    fn what_was_put_together_for_a_reader_that_has_gone_still_counts() {
        let mut trial = Trial::default();
        let reader = trial.open(1);
        trial.fill(1);
        let frame = data(1, b"in two pieces");
        trial.pass(&frame[..12]).expect("a piece");
        drop(reader);
        assert!(trial.settle().is_empty());
        trial.pass(&frame[12..]).expect("a piece");
        assert_eq!(trial.settle(), frame);
        assert!(trial.streams.lock().open.is_empty());
        trial.pass(&frame).expect("a frame");
        assert_eq!(trial.settle(), frame);
    }

    #[test]
    fn heads_without_end_and_padding_without_end_are_errors() {
        let mut trial = Trial::default();
        let _reader = trial.open(1);
        let head = frame(HEADERS, END_HEADERS, 1, b"100");
        for _ in 0..MOST_HEADS {
            trial.pass(&head).expect("a head");
        }
        trial.pass(&head).expect_err("one too many");
        let mut trial = Trial::default();
        let _reader = trial.open(1);
        let head = frame(HEADERS, 0, 1, &[0; MOST_INTERIM / 4]);
        let more = frame(CONTINUATION, END_HEADERS, 1, &[0; MOST_INTERIM]);
        trial
            .pass(&[head.clone(), more].concat())
            .expect("a large head");
        let trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, b"");
        trial.pass(&trailers).expect("trailers");
        trial.pass(&head).expect_err("another behind a large one");
        let mut trial = Trial::default();
        let reader = trial.open(1);
        let padded = frame(DATA, PADDED, 1, b"\x01x\0");
        for _ in 0..MOST_PADDED {
            trial.pass(&padded).expect("a frame");
        }
        reader.has_read(1);
        trial.pass(&padded).expect("a frame");
        trial.pass(&padded).expect_err("one too many");
    }
}
