//! Android's verifier. It is Java code, so it needs the virtual machine and a small class of the app (docs/platforms.md).

use crate::panics;
use jni::errors::Error as JniError;
use jni::objects::{JClassLoader, JObject};
use jni::{Env, EnvUnowned, jni_sig, jni_str};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::{Verifier, android};
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The class that asks Android. The app has it from the verifier's own Android library.
const CLASS: &str = "org.rustls.platformverifier.CertificateVerifier";

/// The verifier panics if it is used before.
static IS_READY: AtomicBool = AtomicBool::new(false);

/// Whether the verifier can be used.
pub fn is_ready() -> bool {
    IS_READY.load(Ordering::Acquire)
}

/// Makes the verifier ready. Once is enough for the process; later calls change nothing.
///
/// # Safety
///
/// `env` is this thread's `JNIEnv *`, and `context` a reference to a `Context` that is valid during the call. Neither is NULL.
pub unsafe fn init(env: *mut c_void, context: *mut c_void) -> Result<(), String> {
    if is_ready() {
        return Ok(());
    }
    // SAFETY: as the caller says.
    let mut unowned = unsafe { EnvUnowned::from_raw(env.cast()) };
    let outcome = unowned.with_env_no_catch(|env| -> Result<(), JniError> {
        let given = env.with_local_frame(16, |env| {
            // SAFETY: as the caller says. It is not kept: the references are made anew.
            let context = unsafe { JObject::from_raw(env, context.cast()) };
            give(env, &context)
        });
        // An exception that stayed would break the caller's next call of JNI.
        if given.is_err() && env.exception_check() {
            env.exception_clear();
        }
        given
    });
    match outcome.into_outcome() {
        jni::Outcome::Ok(()) => {
            IS_READY.store(true, Ordering::Release);
            Ok(())
        }
        jni::Outcome::Err(JniError::ClassNotFound { .. } | JniError::NoClassDefFound { .. }) => {
            Err(format!("the app has no class {CLASS}"))
        }
        jni::Outcome::Err(error) => Err(format!("Android's verifier cannot be set up: {error}")),
        jni::Outcome::Panic(_) => Err("Android's verifier cannot be set up".into()),
    }
}

/// Gives the verifier what it needs, if the app has its class: else each handshake would fail, and not say why.
fn give(env: &mut Env<'_>, context: &JObject<'_>) -> Result<(), JniError> {
    let loader = env
        .call_method(
            context,
            jni_str!("getClassLoader"),
            jni_sig!(() -> JClassLoader),
            &[],
        )?
        .l()?;
    let loader = env.cast_local::<JClassLoader>(loader)?;
    let name = env.new_string(CLASS)?;
    loader.load_class(env, name)?;
    let machine = env.get_java_vm()?;
    let (context, loader) = (env.new_global_ref(context)?, env.new_global_ref(loader)?);
    android::init_with_refs(machine, context, loader);
    Ok(())
}

/// Trusts the servers that Android trusts.
pub fn verifier(provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    Ok(Arc::new(Asked(Verifier::new(provider)?)))
}

/// The verifier, whose panics become errors.
#[derive(Debug)]
struct Asked(Verifier);

impl ServerCertVerifier for Asked {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = &self.0;
        let verified = panics::contain(|| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        });
        match verified {
            // What it says of that is no text for people.
            Ok(Err(Error::General(_))) | Err(_) => {
                Err(Error::General("Android's verifier has failed".into()))
            }
            Ok(verified) => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
