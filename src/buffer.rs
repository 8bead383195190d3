//! A buffer of bytes that leaves no holes behind.
//!
//! What a stream holds of a large event is large for a moment only, and what a thread reads into goes with the thread. An
//! allocator keeps such memory: it lies between small blocks that live as long as their streams, and cannot be given back
//! while one of them is behind it. So from a page on the memory comes straight from the system, which also makes it grow
//! without a copy, and lets only those pages be resident that have been written to.

use std::alloc::{self, Layout};
use std::error::Error;
use std::fmt;
use std::hint;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

/// From this size on memory is mapped, if the system can.
const MAPPED_FROM: usize = 4096;

/// The least that is allocated.
const SMALLEST: usize = 16;

/// The system has no memory left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// How many bytes were asked for.
    pub bytes: usize,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the system has no memory for {} bytes", self.bytes)
    }
}

impl Error for OutOfMemory {}

/// Whether the system has memory for so many, now: to be asked before what would end the process if it had not.
pub fn has_memory_for<T>(len: usize) -> bool {
    let mut memory = Vec::<T>::new();
    let reserved = memory.try_reserve_exact(len);
    // The compiler may leave out an allocation that is not used.
    hint::black_box(memory.as_ptr());
    reserved.is_ok()
}

/// Like a `Vec<u8>`, as far as it goes.
pub struct Buffer {
    memory: Memory,
    len: usize,
}

impl Buffer {
    /// One that is empty, and takes no memory yet.
    pub const fn new() -> Buffer {
        Buffer {
            memory: Memory::NONE,
            len: 0,
        }
    }

    /// How many bytes it can hold without more memory.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.memory.size
    }

    /// Appends bytes.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if self.capacity() - self.len < bytes.len() {
            self.grow(bytes.len());
        }
        // SAFETY: there is room for them behind the `len` bytes, and memory that is borrowed mutably is not theirs.
        unsafe {
            let end = self.memory.start.as_ptr().add(self.len);
            ptr::copy_nonoverlapping(bytes.as_ptr(), end, bytes.len());
        }
        self.len += bytes.len();
    }

    /// Appends a byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    /// Removes all bytes, and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends zeros.
    pub fn extend_with_zeros(&mut self, count: usize) {
        self.reserve_exact(count);
        // SAFETY: there is room for them behind the `len` bytes.
        unsafe { self.memory.start.add(self.len).write_bytes(0, count) };
        self.len += count;
    }

    /// Makes room for `more` bytes, and no more than that.
    pub fn reserve_exact(&mut self, more: usize) {
        if self.capacity() - self.len < more {
            self.resize(self.len.saturating_add(more));
        }
    }

    /// As [`reserve_exact`](Self::reserve_exact), where there may be too little memory; then nothing changes.
    pub fn try_reserve_exact(&mut self, more: usize) -> Result<(), OutOfMemory> {
        if self.capacity() - self.len >= more {
            return Ok(());
        }
        let bytes = self.len.saturating_add(more);
        let resized = self.memory.resize(bytes, self.len);
        resized.ok_or(OutOfMemory { bytes })
    }

    /// The room behind its bytes.
    pub fn spare(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: so much memory is there, and this borrows it mutably.
        unsafe {
            let end = self.memory.start.as_ptr().add(self.len);
            std::slice::from_raw_parts_mut(end.cast(), self.capacity() - self.len)
        }
    }

    /// Appends bytes that have been written to [`spare`](Self::spare).
    ///
    /// # Safety
    /// The first `count` bytes there have been.
    pub unsafe fn append_spare(&mut self, count: usize) {
        debug_assert!(count <= self.capacity() - self.len);
        self.len += count;
    }

    /// Makes room for `more` bytes, and for as many again: so that many small pieces cost linear time.
    #[cold]
    fn grow(&mut self, more: usize) {
        let doubled = self.capacity().saturating_mul(2).max(SMALLEST);
        self.resize(self.len.saturating_add(more).max(doubled));
    }

    /// Gives back what is not in use, but for `kept` bytes; of memory that comes from the system, all of it.
    pub fn shrink_to(&mut self, kept: usize) {
        let kept = match self.memory.is_mapped {
            true => self.len,
            false => kept.max(self.len),
        };
        if kept < self.capacity() {
            // What is left may have to move, for which there may be no room.
            let _ = self.memory.resize(kept, self.len);
        }
    }

    fn resize(&mut self, size: usize) {
        if self.memory.resize(size, self.len).is_none() {
            let layout = Layout::array::<u8>(size).unwrap_or(Layout::new::<u8>());
            alloc::handle_alloc_error(layout);
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: the first `len` bytes have been written.
        unsafe { std::slice::from_raw_parts(self.memory.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: the first `len` bytes have been written, and this borrows them mutably.
        unsafe { std::slice::from_raw_parts_mut(self.memory.start.as_ptr(), self.len) }
    }
}

/// Owned memory, not initialised.
struct Memory {
    start: NonNull<u8>,
    size: usize,
    is_mapped: bool,
}

// SAFETY: it owns what it points at.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    const NONE: Memory = Memory {
        start: NonNull::dangling(),
        size: 0,
        is_mapped: false,
    };

    /// `None` where there is none left.
    fn new(size: usize) -> Option<Memory> {
        if size == 0 {
            return Some(Memory::NONE);
        }
        // The system may refuse, as it has a limit for the number of mappings.
        let mapped = (size >= MAPPED_FROM).then(|| pages::map(size)).flatten();
        let allocate = |layout| {
            // SAFETY: the size is not zero.
            unsafe { alloc::alloc(layout) }
        };
        Some(Memory {
            start: mapped.or_else(|| allocated(size, allocate))?,
            size,
            is_mapped: mapped.is_some(),
        })
    }

    /// Makes it larger or smaller. The first `used` bytes, which must fit, stay what they are. `None` where there is no
    /// memory for that; then it is as it was.
    fn resize(&mut self, size: usize, used: usize) -> Option<()> {
        let is_large = size >= MAPPED_FROM;
        let resized = if self.is_mapped && is_large {
            // SAFETY: mapped with this size, and nothing else refers to it.
            unsafe { pages::remap(self.start, self.size, size) }
        } else if !self.is_mapped && !is_large && self.size > 0 && size > 0 {
            let (start, old) = (self.start.as_ptr(), layout(self.size));
            allocated(size, |_| {
                // SAFETY: allocated with this layout; neither size is zero.
                unsafe { alloc::realloc(start, old, size) }
            })
        } else {
            None
        };
        if let Some(start) = resized {
            (self.start, self.size) = (start, size);
            return Some(());
        }
        let new = Memory::new(size)?;
        // SAFETY: by the caller's promise they are in both, and new memory overlaps with nothing.
        unsafe { ptr::copy_nonoverlapping(self.start.as_ptr(), new.start.as_ptr(), used) };
        *self = new;
        Some(())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.size == 0 {
            return;
        }
        // SAFETY: mapped or allocated with this size, and nothing borrows it.
        unsafe {
            match self.is_mapped {
                true => pages::unmap(self.start, self.size),
                false => alloc::dealloc(self.start.as_ptr(), layout(self.size)),
            }
        }
    }
}

/// The layout of memory that has been allocated.
fn layout(size: usize) -> Layout {
    // SAFETY: it was a layout when it was allocated.
    unsafe { Layout::from_size_align_unchecked(size, 1) }
}

fn allocated(size: usize, allocate: impl FnOnce(Layout) -> *mut u8) -> Option<NonNull<u8>> {
    // A size that no memory can have is no different from one that there is no memory for.
    NonNull::new(allocate(Layout::array::<u8>(size).ok()?))
}

#[cfg(target_os = "linux")]
mod pages {
    use std::ptr::{self, NonNull};

    pub fn map(size: usize) -> Option<NonNull<u8>> {
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: new memory, at no address in particular.
        there(unsafe { libc::mmap(ptr::null_mut(), size, access, kind, -1, 0) })
    }

    /// # Safety
    /// As for `unmap`; if this returns something, that takes the old memory's place.
    pub unsafe fn remap(start: NonNull<u8>, size: usize, new: usize) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        there(unsafe { libc::mremap(start.as_ptr().cast(), size, new, libc::MREMAP_MAYMOVE) })
    }

    /// # Safety
    /// The memory was mapped here, with this size, and is not used any more.
    pub unsafe fn unmap(start: NonNull<u8>, size: usize) {
        // SAFETY: the caller's promise.
        unsafe { libc::munmap(start.as_ptr().cast(), size) };
    }

    fn there(memory: *mut libc::c_void) -> Option<NonNull<u8>> {
        NonNull::new(memory.cast()).filter(|_| memory != libc::MAP_FAILED)
    }
}

/// Elsewhere memory cannot be remapped, or the allocator does all this itself.
#[cfg(not(target_os = "linux"))]
mod pages {
    use std::ptr::NonNull;

    pub fn map(_size: usize) -> Option<NonNull<u8>> {
        None
    }

    pub unsafe fn remap(_start: NonNull<u8>, _size: usize, _new: usize) -> Option<NonNull<u8>> {
        None
    }

    pub unsafe fn unmap(_start: NonNull<u8>, _size: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes on both sides of the limit, and on it.
    const SIZES: [usize; 7] = [
        0,
        1,
        SMALLEST,
        MAPPED_FROM - 1,
        MAPPED_FROM,
        MAPPED_FROM + 1,
        5 * MAPPED_FROM,
    ];

    fn text(len: usize) -> Vec<u8> {
        (0..len).map(|index| (index % 251) as u8).collect()
    }

    fn buffer(len: usize) -> Buffer {
        let mut buffer = Buffer::new();
        buffer.extend_from_slice(&text(len));
        buffer
    }

    #[test]
    fn what_is_appended_stays_whatever_its_memory_does() {
        for first in SIZES {
            for second in SIZES {
                let mut buffer = buffer(first);
                buffer.reserve_exact(second);
                assert!(buffer.capacity() >= first + second);
                assert_eq!(*buffer, text(first));
                buffer.extend_from_slice(&text(second));
                buffer.shrink_to(0);
                assert_eq!(buffer.capacity(), first + second);
                buffer.push(7);
                buffer.extend_with_zeros(first);
                let expected = [text(first), text(second), vec![7], vec![0; first]].concat();
                assert_eq!(*buffer, *expected, "{first} {second}");
            }
        }
    }

    #[test]
    fn room_that_was_made_is_used() {
        for size in SIZES {
            let mut buffer = Buffer::new();
            buffer.reserve_exact(size);
            assert_eq!(buffer.capacity(), size);
            let start = buffer.as_ptr();
            for byte in text(size) {
                buffer.push(byte);
            }
            assert_eq!((buffer.as_ptr(), buffer.capacity()), (start, size));
        }
    }

    #[test]
    fn what_there_is_no_memory_for_is_refused_and_changes_nothing() {
        for size in SIZES {
            let mut buffer = buffer(size);
            // More than there is: with 64 bits already the size of a petabyte, with 32 only what no slice can have.
            let too_much = usize::MAX >> if usize::BITS == 64 { 14 } else { 1 };
            for more in [usize::MAX, isize::MAX as usize, too_much] {
                let bytes = size.saturating_add(more);
                let refused = buffer.try_reserve_exact(more);
                assert_eq!(refused, Err(OutOfMemory { bytes }));
                assert_eq!(*buffer, text(size));
            }
            assert_eq!(buffer.try_reserve_exact(1), Ok(()));
        }
    }

    #[test]
    fn many_small_pieces_seldom_need_more_memory() {
        let mut buffer = Buffer::new();
        let mut growths = 0;
        for byte in text(100 * MAPPED_FROM) {
            let before = buffer.capacity();
            buffer.push(byte);
            growths += u32::from(buffer.capacity() != before);
        }
        assert_eq!(*buffer, text(100 * MAPPED_FROM));
        assert!(growths <= 16, "{growths}");
    }

    #[test]
    fn a_few_bytes_outlive_the_large_memory_that_they_were_in() {
        let mut buffer = Buffer::new();
        buffer.extend_from_slice(b"a few bytes");
        buffer.reserve_exact(MAPPED_FROM);
        buffer.shrink_to(0);
        assert_eq!(&buffer[..], b"a few bytes");
        assert_eq!(buffer.capacity(), buffer.len());
        // Nor is it lost that they are allocated now.
        buffer.extend_from_slice(b", and more");
        assert_eq!(&buffer[..], b"a few bytes, and more");
    }

    #[test]
    fn a_little_is_kept_but_nothing_of_what_the_system_gave() {
        let mut small = buffer(1000);
        small.clear();
        small.shrink_to(100);
        assert_eq!(small.capacity(), 100);
        small.shrink_to(200);
        assert_eq!(small.capacity(), 100, "that is no shrinking");

        let mut large = buffer(10 * MAPPED_FROM);
        large.clear();
        large.shrink_to(100);
        #[cfg(target_os = "linux")]
        assert_eq!(large.capacity(), 0);
        large.extend_from_slice(b"again");
        assert_eq!(*large, *b"again");
    }
}
