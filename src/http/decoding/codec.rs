//! One content coding: what has come of it becomes what that stands for, through the libraries that know how.

use crate::buffer::has_memory_for;
use crate::http::codings::Coding;
use crate::http::error::{Error, ErrorKind};
use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc,
};
use flate2::{Decompress, FlushDecompress, Status};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

/// The largest window of zstd, as a power of two: what RFC 9659 allows for in HTTP, 8 MiB. By default 27, which is 128 MiB
/// for a stream. brotli's own limit is 24.
const ZSTD_WINDOW: u32 = 23;

/// How much of a zstd frame tells how much more is needed.
const ZSTD_BEGIN: usize = 5;

/// The head of a zstd block, which its decoder would have together with the block before.
const ZSTD_BLOCK_HEAD: usize = 3;

/// More than DEFLATE's decoder takes, whose library has no error for want of it.
const DEFLATE_MEMORY: usize = 128 * 1024;

/// zstd's words for what is no fault of the content.
const ZSTD_NO_MEMORY: &str = "Allocation error : not enough memory";

/// Decodes one coding.
pub struct Codec {
    coding: Coding,
    /// None before the first byte: many a response that names a coding has no content.
    engine: Option<Engine>,
    /// All that was encoded is decoded; gzip and zstd may begin again.
    has_ended: bool,
    /// As much was decoded as there was room for: there may be more without more input.
    was_full: bool,
    /// Why there is no more after what was decoded last.
    fault: Option<Fault>,
}

/// Why no more can be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    Corrupt(String),
    NoMemory,
}

impl Fault {
    fn of_zstd(code: zstd_safe::ErrorCode) -> Fault {
        match zstd_safe::get_error_name(code) {
            ZSTD_NO_MEMORY => Fault::NoMemory,
            why => Fault::Corrupt(why.to_owned()),
        }
    }

    fn error(&self, coding: Coding) -> Error {
        match self {
            Fault::Corrupt(why) => corrupt(coding, why),
            Fault::NoMemory => Error::no_memory(),
        }
    }
}

enum Engine {
    Deflate(Decompress),
    Brotli(Box<BrotliState<Alloc, Alloc, Alloc>>),
    Zstd {
        context: DCtx<'static>,
        /// How much it says that it wants to go on. It gets no more than a block at a time: where it finds a fault, it gives
        /// nothing of what it has decoded since it was called.
        wanted: usize,
    },
}

/// What an engine did in one go.
struct Step {
    consumed: usize,
    decoded: usize,
    /// Whether all that was encoded is decoded; or why no more can be.
    has_ended: Result<bool, Fault>,
}

/// brotli's memory. What asks for more than there is is left by unwinding: its library has no error for most of it.
#[derive(Default)]
struct Alloc(StandardAlloc);

/// What it is left with.
struct NoMemory;

impl<T: Clone + Default> Allocator<T> for Alloc {
    type AllocatedMemory = <StandardAlloc as Allocator<T>>::AllocatedMemory;

    fn alloc_cell(&mut self, len: usize) -> Self::AllocatedMemory {
        if !has_memory_for::<T>(len) {
            // No panic: the hook is for bugs.
            resume_unwind(Box::new(NoMemory));
        }
        self.0.alloc_cell(len)
    }

    fn free_cell(&mut self, cell: Self::AllocatedMemory) {
        self.0.free_cell(cell);
    }
}

/// Runs brotli's decoder, which has no use after it was left without memory.
fn with_memory<T>(decode: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(done) => Some(done),
        Err(left) if left.is::<NoMemory>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

impl Codec {
    /// A decoder that has seen nothing.
    pub fn new(coding: Coding) -> Codec {
        Codec {
            coding,
            engine: None,
            has_ended: false,
            was_full: false,
            fault: None,
        }
    }

    /// Which coding it is.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Whether something has begun and not ended.
    pub fn is_within(&self) -> bool {
        self.engine.is_some() && !self.has_ended
    }

    /// Decodes `bytes`, of which it takes what is done with, into `to`, and returns how many bytes; none when it needs more.
    pub fn decode(&mut self, bytes: &mut &[u8], to: &mut [u8]) -> Result<usize, Error> {
        while !bytes.is_empty() || self.was_full || self.fault.is_some() {
            if let Some(fault) = &self.fault {
                return Err(fault.error(self.coding));
            }
            if self.has_ended && !bytes.is_empty() {
                self.begin_again()?;
            }
            let engine = match &mut self.engine {
                Some(engine) => engine,
                none => none.insert(Engine::new(self.coding, bytes)?),
            };
            let step = engine.step(bytes, to);
            let is_stuck = step.consumed == 0 && step.decoded == 0 && step.has_ended == Ok(false);
            if is_stuck && !bytes.is_empty() {
                return Err(corrupt(self.coding, "the decoder made no progress"));
            }
            *bytes = &bytes[step.consumed..];
            self.was_full = step.decoded == to.len();
            match step.has_ended {
                Ok(has_ended) => self.has_ended |= has_ended,
                Err(fault) => self.fault = Some(fault),
            }
            if step.decoded > 0 {
                return Ok(step.decoded);
            }
        }
        Ok(0)
    }

    /// More comes after the end.
    fn begin_again(&mut self) -> Result<(), Error> {
        match self.coding {
            // Another member. Its engine does not expect one.
            Coding::Gzip => self.engine = None,
            // Another frame. Servers may send each event in one, so its engine goes on without a new allocation.
            Coding::Zstd => {}
            Coding::Deflate | Coding::Brotli => {
                return Err(corrupt(self.coding, "more comes after its end"));
            }
        }
        self.has_ended = false;
        Ok(())
    }
}

impl Engine {
    /// One for what begins with these bytes.
    fn new(coding: Coding, bytes: &[u8]) -> Result<Engine, Error> {
        /// The largest window of DEFLATE.
        const WINDOW: u8 = 15;
        Ok(match coding {
            Coding::Gzip | Coding::Deflate if !has_memory_for::<u8>(DEFLATE_MEMORY) => {
                return Err(Error::no_memory());
            }
            Coding::Gzip => Engine::Deflate(Decompress::new_gzip(WINDOW)),
            // Whether there is zlib's head has no default: servers write both forms.
            Coding::Deflate => Engine::Deflate(Decompress::new(is_zlib(bytes))),
            Coding::Brotli => {
                let alloc = Alloc::default;
                // Strict: no windows of a gigabyte, which are not of RFC 7932. By default, they are allowed.
                let state = with_memory(|| BrotliState::new_strict(alloc(), alloc(), alloc()));
                Engine::Brotli(Box::new(state.ok_or_else(Error::no_memory)?))
            }
            Coding::Zstd => {
                let refused = |code| Fault::of_zstd(code).error(coding);
                let mut context = DCtx::try_create().ok_or_else(Error::no_memory)?;
                let limit = DParameter::WindowLogMax(ZSTD_WINDOW);
                context.set_parameter(limit).map_err(refused)?;
                Engine::Zstd {
                    context,
                    wanted: ZSTD_BEGIN,
                }
            }
        })
    }

    fn step(&mut self, bytes: &[u8], to: &mut [u8]) -> Step {
        match self {
            Engine::Deflate(inflate) => {
                let before = (inflate.total_in(), inflate.total_out());
                let status = inflate.decompress(bytes, to, FlushDecompress::None);
                // Counted also where there is an error.
                Step {
                    consumed: (inflate.total_in() - before.0) as usize,
                    decoded: (inflate.total_out() - before.1) as usize,
                    has_ended: status
                        .map(|status| status == Status::StreamEnd)
                        .map_err(|error| Fault::Corrupt(error.to_string())),
                }
            }
            Engine::Brotli(state) => {
                let (mut consumed, mut decoded) = (0, 0);
                let result = with_memory(|| {
                    BrotliDecompressStream(
                        &mut bytes.len(),
                        &mut consumed,
                        bytes,
                        &mut to.len(),
                        &mut decoded,
                        to,
                        &mut 0,
                        state,
                    )
                });
                // What it has decoded in this go before an error stays with it.
                Step {
                    consumed,
                    decoded,
                    has_ended: match result {
                        None => Err(Fault::NoMemory),
                        Some(BrotliResult::ResultSuccess) => Ok(true),
                        Some(BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput) => {
                            Ok(false)
                        }
                        Some(BrotliResult::ResultFailure) => {
                            // The name of a constant, of which the end says why.
                            let name = format!("{:?}", state.error_code).to_lowercase();
                            let why = name.trim_start_matches("brotli_decoder_error_");
                            Err(Fault::Corrupt(why.replace('_', " ")))
                        }
                    },
                }
            }
            Engine::Zstd { context, wanted } => {
                let wants_more_than_head = *wanted > ZSTD_BLOCK_HEAD;
                let block = *wanted
                    - if wants_more_than_head {
                        ZSTD_BLOCK_HEAD
                    } else {
                        0
                    };
                let mut from = InBuffer::around(&bytes[..bytes.len().min(block)]);
                let mut to = OutBuffer::around(to);
                let left = context.decompress_stream(&mut to, &mut from);
                *wanted = left.ok().filter(|left| *left > 0).unwrap_or(ZSTD_BEGIN);
                Step {
                    consumed: from.pos(),
                    decoded: to.pos(),
                    has_ended: left.map(|left| left == 0).map_err(Fault::of_zstd),
                }
            }
        }
    }
}

/// Whether DEFLATE that begins so has zlib's head: its method is 8, its window 32 KiB at the most. Bare DEFLATE would begin
/// with a stored block whose padding is not zero, which no encoder writes.
fn is_zlib(bytes: &[u8]) -> bool {
    bytes
        .first()
        .is_some_and(|byte| byte & 0xF == 8 && byte >> 4 <= 7)
}

fn corrupt(coding: Coding, reason: impl fmt::Display) -> Error {
    Error::new(
        ErrorKind::Decoding,
        format!("the response's {coding} is corrupt: {reason}"),
    )
}
