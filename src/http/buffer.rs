//! What a thread reads into.

/// Large, because many bytes at a time cost less each. No stream has a buffer of its own, so that an idle one is small.
const SIZE: usize = 256 * 1024;

/// Memory straight from the system: only what has been read into is resident, and when a thread ends all of it goes back.
/// An allocator would keep it, for each of the threads that there were at the worst moment.
#[cfg(unix)]
pub struct Buffer(*mut u8);

#[cfg(unix)]
impl Buffer {
    /// One without room.
    pub const EMPTY: Buffer = Buffer(std::ptr::null_mut());

    /// One with room, or, if the system has no memory, without.
    pub fn new() -> Buffer {
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: new memory, at no address in particular.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), SIZE, access, kind, -1, 0) };
        if memory == libc::MAP_FAILED {
            return Buffer::EMPTY;
        }
        Buffer(memory.cast())
    }

    /// All of it.
    pub fn bytes(&mut self) -> &mut [u8] {
        if self.0.is_null() {
            return &mut [];
        }
        // SAFETY: mapped in `new`, zero from the beginning, and only lent by this, until it is dropped.
        unsafe { std::slice::from_raw_parts_mut(self.0, SIZE) }
    }
}

#[cfg(unix)]
impl Drop for Buffer {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: mapped in `new`, with this size, and nobody borrows it.
            unsafe { libc::munmap(self.0.cast(), SIZE) };
        }
    }
}

#[cfg(not(unix))]
pub struct Buffer(Vec<u8>);

#[cfg(not(unix))]
impl Buffer {
    /// One without room.
    pub const EMPTY: Buffer = Buffer(Vec::new());

    /// One with room.
    pub fn new() -> Buffer {
        Buffer(vec![0; SIZE])
    }

    /// All of it.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
