//! What only Android needs.

#[cfg(target_os = "android")]
use crate::abi::guard::{call::call, refusal::Refusal};
#[cfg(target_os = "android")]
use crate::abi::types::status::{eventsource_status_t, *};
#[cfg(target_os = "android")]
use crate::http::init_android;
#[cfg(target_os = "android")]
use std::ffi::c_void;

/// Gives the library access to Android's certificate verifier, which is Java code. Only on Android.
///
/// Call it once, before the first stream over TLS, for example in a native method that `Application.onCreate` calls. Until it
/// has returned `EVENTSOURCE_OK`, each attempt over TLS fails with `ERR_TLS`, except with `eventsource_set_ca_exclusive` or
/// `eventsource_set_insecure_skip_verification`. Later calls do nothing and return `EVENTSOURCE_OK`.
///
///     JNIEXPORT jint JNICALL Java_com_example_App_initStreams(JNIEnv *env, jclass self, jobject context) {
///         (void)self;
///         return eventsource_android_init(env, context);
///     }
///
/// The app needs the class `org.rustls.platformverifier.CertificateVerifier`, from the Android library of the crate
/// rustls-platform-verifier. docs/platforms.md says how the app gets it.
///
/// The library keeps references to the Java virtual machine, to the context and to its class loader for the life of the
/// process.
///
/// @param env the calling thread's `JNIEnv *`; no Java exception may be pending
/// @param context a local or global reference (`jobject`) to an `android.content.Context`, best the application's, because it
///        is kept
/// @return `EVENTSOURCE_OK`; `ERR_NULL`, or `ERR_TLS` if the class is missing or Java throws an exception, which is cleared.
///         The log tells why
///
/// Any thread that is attached to the Java virtual machine.
///
/// @since 0.9.0
#[cfg(target_os = "android")]
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn eventsource_android_init(
    env: *mut c_void,
    context: *mut c_void,
) -> eventsource_status_t {
    call(|| {
        for (pointer, what) in [(env, "env"), (context, "context")] {
            if pointer.is_null() {
                return Err(Refusal::null(what));
            }
        }
        // SAFETY: the header's rules for pointers.
        let done = unsafe { init_android(env, context) };
        done.map_err(|why| Refusal::new(EVENTSOURCE_ERR_TLS, why))
    })
}
