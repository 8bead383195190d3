//! What Windows tells of threads, and what keeps the library loaded while it has some.

use super::scheduler::ThreadId;
use std::ffi::c_void;
use std::io;
use std::mem;
use std::ptr;
use windows_sys::Wdk::System::SystemInformation::{
    NtQuerySystemInformation, SystemProcessInformation,
};
use windows_sys::Win32::Foundation::{CloseHandle, FILETIME, STATUS_INFO_LENGTH_MISMATCH};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcessId, GetCurrentThreadId, GetThreadTimes, OpenThread,
    THREAD_QUERY_LIMITED_INFORMATION,
};
use windows_sys::Win32::System::WindowsProgramming::{
    SYSTEM_PROCESS_INFORMATION, SYSTEM_THREAD_INFORMATION,
};

/// What the system calls this thread.
pub fn id() -> ThreadId {
    // SAFETY: no arguments, and it cannot fail.
    unsafe { GetCurrentThreadId() }
}

/// Keeps the library loaded until the process ends, whatever `FreeLibrary` is called: its threads may still be on their way
/// out then. On Linux, the linker's nodelete does that.
pub fn pin() -> io::Result<()> {
    static SOMETHING: u8 = 0;
    let flags = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    let mut module = ptr::null_mut();
    // SAFETY: the address is in the module that is meant; the handle is written during the call.
    let is_pinned =
        unsafe { GetModuleHandleExW(flags, (&raw const SOMETHING).cast(), &raw mut module) };
    match is_pinned {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// For how long a thread has had a processor, in milliseconds.
pub fn computed(thread: ThreadId) -> Option<u64> {
    const NONE: FILETIME = FILETIME {
        dwLowDateTime: 0,
        dwHighDateTime: 0,
    };
    let [mut created, mut exited, mut in_system, mut in_program] = [NONE; 4];
    // SAFETY: the times are written during the call, and the handle is closed once.
    let is_known = unsafe {
        let handle = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, 0, thread);
        if handle.is_null() {
            return None;
        }
        let is_known = GetThreadTimes(
            handle,
            &raw mut created,
            &raw mut exited,
            &raw mut in_system,
            &raw mut in_program,
        );
        CloseHandle(handle);
        is_known != 0
    };
    /// Of the 100 ns that a FILETIME counts.
    const MILLISECOND: u64 = 10_000;
    let ticks =
        |time: FILETIME| u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
    is_known.then(|| (ticks(in_system) + ticks(in_program)) / MILLISECOND)
}

/// The threads of this process, each with its state.
pub type States = Vec<(ThreadId, u32)>;

/// In the states: it waits for something else than a processor (KTHREAD_STATE).
pub const WAITING: u32 = 5;
/// It has not begun. Wine says so of every thread, because it does not know.
pub const INITIALIZED: u32 = 0;

/// What each thread of this process does, at one moment. No function tells it of one thread alone, and this is the one that
/// .NET and Windows' own tools ask. None where it fails.
pub fn states() -> States {
    /// As for several hundred processes.
    const USUAL_SIZE: usize = 512 * 1024;
    const MOST: usize = 64 * 1024 * 1024;
    let mut size = USUAL_SIZE;
    while size <= MOST {
        // The structures begin with what has to be aligned to eight bytes.
        let mut answer = vec![0_u64; size / mem::size_of::<u64>()];
        let mut needed = 0;
        // SAFETY: the buffer is as large as is said, and is written during the call.
        let status = unsafe {
            NtQuerySystemInformation(
                SystemProcessInformation,
                answer.as_mut_ptr().cast(),
                size as u32,
                &raw mut needed,
            )
        };
        match status {
            0.. => return own_threads(&answer),
            // Until the next call there may be more of them.
            STATUS_INFO_LENGTH_MISMATCH => size = (needed as usize).max(size) * 2,
            _ => break,
        }
    }
    Vec::new()
}

/// Finds this process in the answer, and reads the entries of its threads.
fn own_threads(answer: &[u64]) -> States {
    // SAFETY: no arguments, and it cannot fail.
    let own = unsafe { GetCurrentProcessId() } as usize;
    let bytes = mem::size_of_val(answer);
    let begin: *const c_void = answer.as_ptr().cast();
    let mut offset = 0;
    while offset + mem::size_of::<SYSTEM_PROCESS_INFORMATION>() <= bytes {
        // SAFETY: it lies in the buffer, aligned or not, and all bit patterns are values.
        let process: SYSTEM_PROCESS_INFORMATION = unsafe {
            begin
                .byte_add(offset)
                .cast::<SYSTEM_PROCESS_INFORMATION>()
                .read_unaligned()
        };
        if process.UniqueProcessId as usize == own {
            let first = offset + mem::size_of::<SYSTEM_PROCESS_INFORMATION>();
            let one = mem::size_of::<SYSTEM_THREAD_INFORMATION>();
            let count = (process.NumberOfThreads as usize).min((bytes - first) / one);
            let thread = |index: usize| -> SYSTEM_THREAD_INFORMATION {
                // SAFETY: likewise; there are no more of them than fit in.
                unsafe {
                    begin
                        .byte_add(first + index * one)
                        .cast::<SYSTEM_THREAD_INFORMATION>()
                        .read_unaligned()
                }
            };
            return (0..count)
                .map(thread)
                .map(|thread| {
                    (
                        thread.ClientId.UniqueThread as usize as ThreadId,
                        thread.ThreadState,
                    )
                })
                .collect();
        }
        match process.NextEntryOffset {
            0 => break,
            next => offset += next as usize,
        }
    }
    Vec::new()
}
