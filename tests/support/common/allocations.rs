//! Counts what the test program that includes this takes from the allocator, and from the system beside it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What this thread has allocated: tests run side by side.
#[derive(Clone, Copy)]
pub struct Allocations {
    pub count: usize,
    pub left: usize,
    pub peak: usize,
}

thread_local! {
    static ALLOCATIONS: Cell<Allocations> = const { Cell::new(Allocations { count: 0, left: 0, peak: 0 }) };
}

impl Allocations {
    /// Runs `work` and says how often it allocated, how much is left of that and how much it held at most.
    pub fn during(work: impl FnOnce()) -> Self {
        ALLOCATIONS.set(Self {
            count: 0,
            left: 0,
            peak: 0,
        });
        work();
        ALLOCATIONS.get()
    }

    pub fn held_now() -> usize {
        ALLOCATIONS.get().left
    }

    fn record(made: usize, released: usize) {
        let mut all = ALLOCATIONS.get();
        all.count += usize::from(made > 0);
        all.left = (all.left + made).saturating_sub(released);
        all.peak = all.peak.max(all.left);
        ALLOCATIONS.set(all);
    }
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: it is the system's allocator, with counting that does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Allocations::record(layout.size(), 0);
        // SAFETY: the caller's promises are the system allocator's conditions; so below.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Allocations::record(0, layout.size());
        // SAFETY: see above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Allocations::record(size, layout.size());
        // SAFETY: see above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What the system gives without the allocator: these take the place of the C library's for the whole test program.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod mappings {
    use super::Allocations;
    use libc::{SYS_mmap, SYS_mremap, SYS_munmap, c_int, c_long, c_void, off_t, size_t, syscall};

    #[unsafe(no_mangle)]
    unsafe extern "C" fn mmap(
        address: *mut c_void,
        size: size_t,
        access: c_int,
        kind: c_int,
        fd: c_int,
        offset: off_t,
    ) -> *mut c_void {
        Allocations::record(size, 0);
        // SAFETY: the caller's promises are the system's conditions; so below.
        mapped(unsafe { syscall(SYS_mmap, address, size, access, kind, fd, offset) })
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn mremap(
        address: *mut c_void,
        size: size_t,
        new: size_t,
        flags: c_int,
    ) -> *mut c_void {
        Allocations::record(new, size);
        // SAFETY: see above.
        mapped(unsafe { syscall(SYS_mremap, address, size, new, flags) })
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn munmap(address: *mut c_void, size: size_t) -> c_int {
        Allocations::record(0, size);
        // SAFETY: see above.
        match unsafe { syscall(SYS_munmap, address, size) } {
            0 => 0,
            _ => -1,
        }
    }

    fn mapped(address: c_long) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(address as usize)
    }
}
