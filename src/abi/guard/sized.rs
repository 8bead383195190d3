//! Structs that carry their size, so that programs and libraries of different versions understand each other.

use super::refusal::Refusal;
use crate::abi::types::status::EVENTSOURCE_ERR_VALUE;
use std::mem::MaybeUninit;

/// A struct that begins with its own size and grows at its end from one version to the next, so that programs go on
/// running with a library that has more members than they know. In a new member, zero must mean what was done before it was
/// there.
///
/// # Safety
/// It is `repr(C)` and begins with its size in a `usize`.
pub unsafe trait Growing: Copy {
    /// Its bytes in the first release that had it: no caller's is smaller. A struct that has grown since says so.
    const FIRST: usize = size_of::<Self>();
}

/// A struct that the caller fills.
///
/// # Safety
/// It is valid for any bytes.
pub unsafe trait Filled: Growing {}

/// Reads a struct as its caller compiled it.
///
/// What an older caller's has not got is zero. A caller that was compiled against a newer header passes a larger one: what
/// this version does not know must be zero, so that nothing the caller asks for is silently ignored.
///
/// # Safety
/// `from` is NULL or points at as many readable bytes as the size says.
pub unsafe fn sized_read<T: Filled>(from: *const T, what: &str) -> Result<T, Refusal> {
    // SAFETY: the caller's promise, and the trait's.
    unsafe {
        let size = checked_size(from, what)?;
        let known = size.min(size_of::<T>());
        let unknown = std::slice::from_raw_parts(from.cast::<u8>().add(known), size - known);
        if unknown.iter().any(|byte| *byte != 0) {
            return Err(Refusal::new(
                EVENTSOURCE_ERR_VALUE,
                format!("{what} has members that this version of the library does not know"),
            ));
        }
        let mut value = MaybeUninit::<T>::zeroed();
        value
            .as_mut_ptr()
            .cast::<u8>()
            .copy_from_nonoverlapping(from.cast(), known);
        Ok(value.assume_init())
    }
}

/// Writes a struct of which the caller has so many bytes: as much as there is room for, and never more. What a newer caller's
/// has beyond this version's becomes zero.
///
/// # Safety
/// `to` is NULL or points at `size` writable bytes.
pub unsafe fn sized_write<T: Growing>(
    to: *mut T,
    size: usize,
    value: T,
    what: &str,
) -> Result<(), Refusal> {
    if to.is_null() {
        return Err(Refusal::null(what));
    }
    check_size::<T>(size, what)?;
    // SAFETY: the caller's promise, and the trait's.
    unsafe {
        let known = size.min(size_of::<T>());
        let bytes = to.cast::<u8>();
        bytes.copy_from_nonoverlapping((&raw const value).cast(), known);
        to.cast::<usize>().write(size);
        bytes.add(known).write_bytes(0, size - known);
    }
    Ok(())
}

unsafe fn checked_size<T: Growing>(of: *const T, what: &str) -> Result<usize, Refusal> {
    // SAFETY: NULL, or the size is there by the caller's promise.
    let size = *unsafe { of.cast::<usize>().as_ref() }.ok_or_else(|| Refusal::null(what))?;
    check_size::<T>(size, what)?;
    Ok(size)
}

fn check_size<T: Growing>(size: usize, what: &str) -> Result<(), Refusal> {
    /// No struct of this library will ever be larger: a larger size was never set.
    const ABSURD: usize = 4096;
    if (T::FIRST..=ABSURD).contains(&size) {
        return Ok(());
    }
    let message = format!(
        "{what}: the size {size} is that of no version; pass sizeof, or fill it by its _init function"
    );
    Err(Refusal::new(EVENTSOURCE_ERR_VALUE, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As an older program has it.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Older {
        size: usize,
        first: u64,
        /// The program's own memory, behind its struct.
        guard: u64,
    }

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Grown {
        size: usize,
        first: u64,
        later: u64,
    }

    // SAFETY: numbers.
    unsafe impl Growing for Grown {
        const FIRST: usize = std::mem::offset_of!(Grown, later);
    }

    // SAFETY: as above.
    unsafe impl Filled for Grown {}

    const OLDER: Older = Older {
        size: Grown::FIRST,
        first: 1,
        guard: 2,
    };

    #[test]
    fn what_an_older_callers_struct_has_not_got_is_zero() {
        let older = OLDER;
        // SAFETY: as many bytes as its size says.
        let read = unsafe { sized_read((&raw const older).cast::<Grown>(), "it") };
        let read = read.expect("a size that a version had");
        assert_eq!((read.size, read.first, read.later), (Grown::FIRST, 1, 0));
    }

    #[test]
    fn no_more_is_written_than_an_older_callers_struct_has() {
        let mut older = OLDER;
        let value = Grown {
            size: size_of::<Grown>(),
            first: 3,
            later: 4,
        };
        let to = (&raw mut older).cast::<Grown>();
        // SAFETY: as many bytes as the size that is given.
        let written = unsafe { sized_write(to, Grown::FIRST, value, "it") };
        assert!(written.is_ok());
        assert_eq!((older.size, older.first, older.guard), (Grown::FIRST, 3, 2));
    }

    #[test]
    fn a_struct_smaller_than_the_first_is_refused() {
        let smaller = Older {
            size: Grown::FIRST - 1,
            ..OLDER
        };
        // SAFETY: as above.
        assert!(unsafe { sized_read((&raw const smaller).cast::<Grown>(), "it") }.is_err());
    }
}
