//! Enumerations that C passes.

use std::mem::MaybeUninit;

/// An enumeration that C passes to the library. C may pass any number, and a Rust enumeration must hold none but its own. So
/// functions, callbacks and structs have it as a `MaybeUninit`, which cbindgen writes as the enumeration itself.
pub trait Enumeration: Copy {
    /// Its name in C.
    const NAME: &'static str;

    fn from_number(number: i32) -> Option<Self>;
}

/// The number that C has passed.
///
/// # Safety
/// C has passed it, or it is from [`any`]: it is initialised.
pub unsafe fn number<E: Enumeration>(passed: MaybeUninit<E>) -> i32 {
    const { assert!(size_of::<E>() == size_of::<i32>()) }
    // SAFETY: as large as a number, and initialised by the caller's promise. A number may be any.
    unsafe { (&raw const passed).cast::<i32>().read() }
}

/// Any number, as C would pass it. For tests and fuzzing.
pub fn any<E: Enumeration>(number: i32) -> MaybeUninit<E> {
    const { assert!(size_of::<E>() == size_of::<i32>()) }
    let mut passed = MaybeUninit::<E>::uninit();
    // SAFETY: as large as a number.
    unsafe { passed.as_mut_ptr().cast::<i32>().write(number) };
    passed
}

/// Says which enumerations C passes. Does not compile while an enumerator is missing.
macro_rules! enumeration {
    ($name:ident { $($enumerator:ident)* }) => {
        impl $crate::abi::types::enumeration::Enumeration for $name {
            const NAME: &'static str = stringify!($name);

            fn from_number(number: i32) -> Option<$name> {
                const fn complete(all: $name) {
                    match all {
                        $($name::$enumerator => ()),*
                    }
                }
                match number {
                    $(n if n == $name::$enumerator as i32 => {
                        complete($name::$enumerator);
                        Some($name::$enumerator)
                    })*
                    _ => None,
                }
            }
        }
    };
}
pub(in crate::abi) use enumeration;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::types::payload::eventsource_decision_t::{self, *};

    #[test]
    fn any_number_passes_and_only_an_enumerators_is_one() {
        for (passed, decision) in [
            (1, Some(EVENTSOURCE_DECISION_RETRY)),
            (3, None),
            (-1, None),
            (i32::MIN, None),
        ] {
            let as_c = any::<eventsource_decision_t>(passed);
            // SAFETY: from `any`.
            let number = unsafe { number(as_c) };
            assert_eq!(number, passed);
            assert_eq!(eventsource_decision_t::from_number(number), decision);
        }
    }
}
