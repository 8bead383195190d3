//! The C API: calls from several threads and from callbacks, all of them legal, on a few clients and runtimes.
//!
//! An input is text. Each line is a list of steps, and its first byte says who takes them: `0`, `1`, `2` a thread; `q`,
//! `o`, `e`, `c`, `x`, `z` the callbacks on_request, on_open or on_document, on_event(s), on_comment, on_error, on_close,
//! of whichever client, one step in each call. A step is a letter of [`OPERATIONS`], then the digit of a client, or of a
//! runtime, or in a callback `.` for its own client, then a letter that varies the operation: `n0e` makes client 0 for
//! the server's path `/e`. Steps are separated by spaces; those with a `+` between them are taken in the same call.

#![no_main]

use eventsource::abi::eventsource_status_t::*;
use eventsource::abi::*;
use eventsource_fuzz::loopback::{self, LIMIT, Next, Request, Server};
use eventsource_fuzz::promise;
use eventsource_fuzz::watch::{self, Told, Watch, dispatching};
use libfuzzer_sys::fuzz_target;
use std::collections::VecDeque;
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

const THREADS: usize = 3;
const CLIENTS: usize = 3;
const RUNTIMES: usize = 2;
/// More steps than an input needs.
const MOST_STEPS: usize = 64;
const EVENT_LIMIT: usize = 64 * 1024;

fuzz_target!(
    init: {
        loopback::isolate();
        watch::on_own_thread();
    },
    |input: &[u8]| run(input)
);

/// What a step does. New functions of the library get an operation here, its letter below and its deed in [`World::take`].
#[derive(Clone, Copy)]
enum Operation {
    New,
    Start,
    Stop,
    Wait,
    Free,
    Reconnect,
    ChooseDelay,
    Pause,
    Unpause,
    Set,
    SetCallback,
    SetUserData,
    SetLastEventId,
    SetRuntime,
    ShareCookies,
    AddCookies,
    Ask,
    Log,
    Parse,
    /// In on_request only.
    Change,
    /// In on_error only: what it answers.
    Decide,
    NewRuntime,
    FreeRuntime,
    Dispatch,
}

const OPERATIONS: [(u8, Operation); 24] = [
    (b'n', Operation::New),
    (b's', Operation::Start),
    (b't', Operation::Stop),
    (b'w', Operation::Wait),
    (b'f', Operation::Free),
    (b'r', Operation::Reconnect),
    (b'k', Operation::ChooseDelay),
    (b'p', Operation::Pause),
    (b'u', Operation::Unpause),
    (b'S', Operation::Set),
    (b'C', Operation::SetCallback),
    (b'U', Operation::SetUserData),
    (b'I', Operation::SetLastEventId),
    (b'R', Operation::SetRuntime),
    (b'j', Operation::ShareCookies),
    (b'J', Operation::AddCookies),
    (b'a', Operation::Ask),
    (b'l', Operation::Log),
    (b'y', Operation::Parse),
    (b'c', Operation::Change),
    (b'd', Operation::Decide),
    (b'N', Operation::NewRuntime),
    (b'F', Operation::FreeRuntime),
    (b'D', Operation::Dispatch),
];

/// A step of an input.
#[derive(Clone, Copy)]
struct Step {
    operation: Operation,
    /// The client or runtime; in a callback, none for its own.
    which: Option<usize>,
    how: u8,
}

impl Step {
    fn read(text: &[u8]) -> Option<Step> {
        let (letter, _) = text.split_first()?;
        let (_, operation) = OPERATIONS.iter().find(|(known, _)| known == letter)?;
        let which = text.get(1).and_then(|byte| char::from(*byte).to_digit(10));
        Some(Step {
            operation: *operation,
            which: which.map(|digit| digit as usize),
            how: text.get(2).copied().unwrap_or_default(),
        })
    }
}

/// Steps that are taken one after another.
type Steps = VecDeque<Step>;

/// A thing that threads share until one of them frees it.
struct Shared<T> {
    state: Mutex<(Option<T>, usize)>,
    unused: Condvar,
}

impl<T> Default for Shared<T> {
    fn default() -> Shared<T> {
        Shared {
            state: Mutex::new((None, 0)),
            unused: Condvar::new(),
        }
    }
}

impl<T: Clone> Shared<T> {
    fn state(&self) -> MutexGuard<'_, (Option<T>, usize)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes it if there is none.
    fn make(&self, make: impl FnOnce() -> Option<T>) {
        let mut state = self.state();
        if state.0.is_none() {
            state.0 = make();
        }
    }

    /// Uses it, if it is there: it is not freed meanwhile. Not for long.
    fn with<R>(&self, act: impl FnOnce(&T) -> R) -> Option<R> {
        let thing = {
            let mut state = self.state();
            let thing = state.0.clone()?;
            state.1 += 1;
            thing
        };
        let result = act(&thing);
        self.state().1 -= 1;
        self.unused.notify_all();
        Some(result)
    }

    /// Takes it away, if it is the wanted one, to be freed, when nobody uses it any more.
    fn take(&self, is_wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut state = self.state();
        if !state.0.as_ref().is_some_and(is_wanted) {
            return None;
        }
        let thing = state.0.take();
        let waited = self.unused.wait_while(state, |state| state.1 > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        thing
    }
}

/// A client that is alive.
#[derive(Clone)]
struct Client {
    es: *mut eventsource_t,
    watch: Arc<Watch>,
}

// SAFETY: the library promises that any thread may use a client, and any a runtime.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

/// A runtime that is alive.
#[derive(Clone, Copy)]
struct Runtime {
    runtime: *mut eventsource_runtime_t,
    is_manual: bool,
}

// SAFETY: as above.
unsafe impl Send for Runtime {}
// SAFETY: as above.
unsafe impl Sync for Runtime {}

/// All that the threads and callbacks of one input share.
#[derive(Default)]
struct World {
    clients: [Shared<Client>; CLIENTS],
    runtimes: [Shared<Runtime>; RUNTIMES],
    /// What callbacks do: on_request, on_open or on_document, on_event, on_comment, on_error, on_close.
    of_callbacks: [Mutex<VecDeque<Steps>>; CALLBACKS.len()],
    /// Of all clients that ever were.
    watches: Mutex<Vec<Arc<Watch>>>,
    /// There are to be no new ones.
    is_over: AtomicBool,
    threads_left: AtomicU32,
}

const CALLBACKS: &[u8; 6] = b"qoecxz";

/// Where a step is taken.
#[derive(Clone, Copy)]
enum Place<'a> {
    Thread,
    Callback(&'a Arc<Watch>, *mut eventsource_t, &'a Told<'a>),
}

fn run(input: &[u8]) {
    let world = Arc::new(World::default());
    let mut of_threads: [VecDeque<Steps>; THREADS] = Default::default();
    for line in input.split(|byte| *byte == b'\n') {
        let Some((who, line)) = line.split_first() else {
            continue;
        };
        let steps = line.split(|byte| *byte == b' ').map(|step| {
            step.split(|byte| *byte == b'+')
                .filter_map(Step::read)
                .collect()
        });
        let mut of_callback;
        let list = match who.wrapping_sub(b'0') as usize {
            thread @ 0..THREADS => &mut of_threads[thread],
            _ => match CALLBACKS.iter().position(|callback| callback == who) {
                Some(callback) => {
                    of_callback = lock(&world.of_callbacks[callback]);
                    &mut *of_callback
                }
                None => continue,
            },
        };
        let room = MOST_STEPS.saturating_sub(list.len());
        list.extend(steps.take(room));
    }

    watch::log();
    let mut server = Server::default();
    world.threads_left.store(THREADS as u32, Ordering::Relaxed);
    let threads = of_threads.map(|steps| {
        let (world, waker) = (world.clone(), server.waker());
        std::thread::spawn(move || {
            watch::on_own_thread();
            for step in steps.into_iter().flatten() {
                world.take(step, Place::Thread);
            }
            if world.threads_left.fetch_sub(1, Ordering::Relaxed) == 1 {
                waker.wake();
            }
        })
    });
    loop {
        match server.next() {
            Next::Woken => break,
            Next::Nothing => promise!(false, "no call blocks for ever"),
            Next::Request(request, socket) => {
                let answer = answer(&request);
                server.answer(socket, answer.as_bytes());
            }
        }
    }
    for thread in threads {
        promise!(thread.join().is_ok(), "the target itself works");
    }

    world.is_over.store(true, Ordering::Relaxed);
    for client in &world.clients {
        world.free(client, Place::Thread, |_| true);
    }
    for runtime in &world.runtimes {
        world.free_runtime(runtime, Place::Thread);
    }
    // Those that have been freed in callbacks end on their own time.
    for watch in std::mem::take(&mut *lock(&world.watches)) {
        watch.ended(true);
    }
    Hooks::all_stopped();
}

/// What the server says, by path.
fn answer(request: &Request) -> String {
    const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    const EVENTS: &str = "\r\n: hi\n\nretry: 1\nid: 1\ndata: one\n\n: again\nevent: a\ndata: two\n\n\x1Fdata: three\n\n";
    let path = request.line().split(|byte| *byte == b' ').nth(1);
    match path.and_then(|path| path.get(1)) {
        Some(b'c') => format!("{STREAM}{EVENTS}\x1C"),
        Some(b'k') => format!("{STREAM}Transfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n\x1D"),
        Some(b'b') => {
            let large = "x".repeat(20 * 1024);
            format!("{STREAM}\r\ndata: a\n\ndata: {large}\n\ndata: b\n\n: c\ndata: {large}\n\n\x1E")
        }
        Some(b'm') => format!("{STREAM}\r\n{}\x1E", "data: a\n\n".repeat(2000)),
        Some(b'l') => format!("{STREAM}\r\ndata: {}\x1C", "x".repeat(EVENT_LIMIT + 10)),
        Some(b'r') => {
            let cookies = "Set-Cookie: a=1\r\nSet-Cookie: b=2; Path=/; Max-Age=9\r\n";
            let to = "Location: http://other.example/e";
            format!("HTTP/1.1 302 Found\r\n{cookies}{to}\r\n\r\n\x1C")
        }
        Some(b'j') => {
            let about = "Content-Type: application/json\r\nContent-Length: 2";
            format!("HTTP/1.1 200 OK\r\n{about}\r\nSet-Cookie: c=3\r\n\r\n{{}}\x1E")
        }
        Some(b'R') => "HTTP/1.1 302 Found\r\nLocation: /R\r\n\r\n\x1C".into(),
        Some(b'2') => "HTTP/1.1 204 No Content\r\n\r\n\x1C".into(),
        Some(b'4') => "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno\x1C".into(),
        Some(b'5') => "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\n\r\nbusy\x1C".into(),
        Some(b'h') => "\x1E".into(),
        Some(b'H') => "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot\x1E".into(),
        Some(b'g') => "garbage\x1C".into(),
        Some(b'x') => "\x1D".into(),
        _ => format!("{STREAM}{EVENTS}\x1E"),
    }
}

/// The URL of a path, or one that cannot be connected to.
fn url(how: u8) -> String {
    match how {
        b'!' => "http://name.invalid/\0".into(),
        b'-' => "http://127.0.0.1:9/\0".into(),
        b'/' => "no url\0".into(),
        b'%' => "http://[fe80::1%251]/e\0".into(),
        b'^' => "http://[fe80::1%25]/e\0".into(),
        how if how.is_ascii_alphanumeric() => format!("http://127.0.0.1/{}\0", char::from(how)),
        _ => "http://user:password@127.0.0.1/e#x\0".into(),
    }
}

impl World {
    /// Takes a step; in on_error, answers what that is to answer.
    fn take(self: &Arc<World>, step: Step, place: Place<'_>) -> i32 {
        use Operation::*;
        let how = step.how;
        let runtime = &self.runtimes[step.which.unwrap_or_default() % RUNTIMES];
        match step.operation {
            New => self.new_client(&self.clients[step.which.unwrap_or_default() % CLIENTS], how),
            Free => match (step.which, place) {
                (None, Place::Callback(_, own, _)) => {
                    for client in &self.clients {
                        self.free(client, place, |client| client.es == own);
                    }
                }
                (which, _) => {
                    self.free(
                        &self.clients[which.unwrap_or_default() % CLIENTS],
                        place,
                        |_| true,
                    );
                }
            },
            NewRuntime => runtime.make(|| self.new_runtime(how)),
            FreeRuntime => self.free_runtime(runtime, place),
            Dispatch => {
                runtime.with(|runtime| dispatch(runtime, how, place));
            }
            Log => {
                if how & 1 == 0 {
                    watch::log();
                } else {
                    // SAFETY: without a function.
                    let status = unsafe {
                        eventsource_log_set_callback(any(0), None, ptr::null_mut(), None)
                    };
                    legal("log_set_callback", status, &[EVENTSOURCE_OK]);
                }
            }
            Parse => parse(how),
            Change => {
                if let Place::Callback(_, _, Told::Request(request)) = place {
                    change(*request, how);
                }
            }
            Decide => return i32::from(how) % 4,
            Start | Stop | Wait | Reconnect | ChooseDelay | Pause | Unpause | Set | SetCallback
            | SetUserData | SetLastEventId | SetRuntime | ShareCookies | AddCookies | Ask => {
                match (step.which, place) {
                    (None, Place::Callback(watch, es, _)) => {
                        self.call(step, es, watch, true, place);
                    }
                    (which, _) => {
                        self.clients[which.unwrap_or_default() % CLIENTS].with(|client| {
                            let own = match place {
                                Place::Callback(_, own, _) => client.es == own,
                                Place::Thread => false,
                            };
                            self.call(step, client.es, &client.watch, own, place);
                        });
                    }
                }
            }
        }
        0
    }

    /// Calls a function on a client.
    fn call(
        self: &Arc<World>,
        step: Step,
        es: *mut eventsource_t,
        watch: &Arc<Watch>,
        is_own: bool,
        place: Place<'_>,
    ) {
        use Operation::*;
        let how = step.how;
        let in_callback = matches!(place, Place::Callback(..));
        // SAFETY: the client is valid: it is that of the callback, or not freed meanwhile. Strings are NUL-terminated.
        unsafe {
            match step.operation {
                Start => {
                    let status = watch.start(es);
                    if !REFUSALS.contains(&status) {
                        // Freed: the runtime that it was to be put on.
                        legal(
                            "start",
                            status,
                            &[EVENTSOURCE_OK, EVENTSOURCE_ERR_STATE, EVENTSOURCE_ERR_FREED],
                        );
                    }
                    promise!(
                        !is_own || status != EVENTSOURCE_OK,
                        "a client that runs is not started"
                    );
                }
                Stop => {
                    watch.will_stop(is_own);
                    legal("stop", eventsource_stop(es), &[EVENTSOURCE_OK]);
                }
                Wait => {
                    let started = watch.started();
                    let status = eventsource_wait(es, i64::from(how % 4));
                    match in_callback {
                        true => legal("wait", status, &[EVENTSOURCE_ERR_IN_CALLBACK]),
                        false => promise!(status != EVENTSOURCE_ERR_IN_CALLBACK, "it may wait"),
                    }
                    promise!(
                        matches!(
                            status,
                            EVENTSOURCE_ERR_TIMEOUT | EVENTSOURCE_ERR_IN_CALLBACK
                        ) || watch.closes() >= started,
                        "what has been waited for has closed"
                    );
                }
                Reconnect => {
                    watch.will_reconnect(is_own);
                    let status = eventsource_reconnect_now(es);
                    legal(
                        "reconnect_now",
                        status,
                        &[EVENTSOURCE_OK, EVENTSOURCE_ERR_STATE],
                    );
                    promise!(
                        !is_own || status == EVENTSOURCE_OK,
                        "in its callback, a client runs"
                    );
                }
                ChooseDelay => legal(
                    "set_next_delay",
                    eventsource_set_next_delay(es, i64::from(how % 8) - 1),
                    &[EVENTSOURCE_OK, EVENTSOURCE_ERR_STATE, EVENTSOURCE_ERR_VALUE],
                ),
                Pause => legal(
                    "pause",
                    watch.set_paused(es, true, is_own),
                    &[EVENTSOURCE_OK],
                ),
                Unpause => legal(
                    "unpause",
                    watch.set_paused(es, false, is_own),
                    &[EVENTSOURCE_OK],
                ),
                SetUserData => {
                    // The watch of the client, whoever calls.
                    let status = watch.set_user_data(es);
                    legal(
                        "set_user_data",
                        status,
                        &[EVENTSOURCE_OK, EVENTSOURCE_ERR_STATE],
                    );
                    promise!(
                        !is_own || status != EVENTSOURCE_OK,
                        "nothing is set while it runs"
                    );
                }
                SetLastEventId => {
                    let id = [c"7", c"", c"a\nb", c"\xFF", c"\xC3\xA9"][usize::from(how) % 5];
                    legal(
                        "set_last_event_id",
                        eventsource_set_last_event_id(es, id.as_ptr()),
                        &[EVENTSOURCE_OK, EVENTSOURCE_ERR_VALUE, EVENTSOURCE_ERR_UTF8],
                    );
                }
                SetRuntime => {
                    let set = |runtime, is_manual| {
                        let status = watch.set_runtime(es, runtime, is_manual);
                        legal(
                            "set_runtime",
                            status,
                            &[EVENTSOURCE_OK, EVENTSOURCE_ERR_STATE],
                        );
                        promise!(
                            !is_own || status != EVENTSOURCE_OK,
                            "nothing is set while it runs"
                        );
                    };
                    match char::from(how).to_digit(10) {
                        Some(which) => {
                            let runtime = &self.runtimes[which as usize % RUNTIMES];
                            runtime.with(|runtime| set(runtime.runtime, runtime.is_manual));
                        }
                        None => set(ptr::null_mut(), false),
                    }
                }
                ShareCookies => {
                    let other = &self.clients[usize::from(how) % CLIENTS];
                    other.with(|other| {
                        legal(
                            "share_cookies",
                            eventsource_share_cookies(es, other.es),
                            &[EVENTSOURCE_OK, EVENTSOURCE_ERR_STATE, EVENTSOURCE_ERR_VALUE],
                        );
                    });
                }
                AddCookies => {
                    let cookies = [
                        c"127.0.0.1\tFALSE\t/\tFALSE\t0\td\t4\n",
                        c"#HttpOnly_.example.org\tTRUE\t/\tTRUE\t9999999999\te\t5\n",
                        c"",
                        c"none",
                        c"\xFF",
                    ];
                    legal(
                        "add_cookies",
                        eventsource_add_cookies(es, cookies[usize::from(how) % 5].as_ptr()),
                        &[
                            EVENTSOURCE_OK,
                            EVENTSOURCE_ERR_STATE,
                            EVENTSOURCE_ERR_UTF8,
                            EVENTSOURCE_ERR_VALUE,
                        ],
                    );
                }
                SetCallback => set_callback(es, watch, is_own, how),
                Set => set(es, is_own, how),
                Ask => ask(es, how),
                _ => {}
            }
        }
    }

    fn new_client(self: &Arc<World>, place: &Shared<Client>, how: u8) {
        place.make(|| {
            if self.is_over.load(Ordering::Relaxed) {
                return None;
            }
            // SAFETY: the string is NUL-terminated; the client is new.
            unsafe {
                let es = eventsource_new(url(how).as_ptr().cast());
                let status = eventsource_check(es);
                legal("new", status, &[EVENTSOURCE_OK, EVENTSOURCE_ERR_URL]);
                if status != EVENTSOURCE_OK {
                    eventsource_free(es);
                    return None;
                }
                let mut policy = policy(es);
                policy.retry_initial = 1;
                policy.delay_ms = 1;
                policy.max_delay_ms = 2;
                legal(
                    "set_reconnect",
                    eventsource_set_reconnect(es, &raw const policy),
                    &[EVENTSOURCE_OK],
                );
                let status = eventsource_set_max_event_size(es, EVENT_LIMIT);
                legal("set_max_event_size", status, &[EVENTSOURCE_OK]);
                let world = Arc::downgrade(self);
                let watch = Watch::new(EVENT_LIMIT, move |watch, es, told| {
                    let Some(world) = world.upgrade() else {
                        promise!(false, "the world outlives its clients");
                        return 0;
                    };
                    world.callback(watch, es, told)
                });
                watch.attach(es);
                lock(&self.watches).push(watch.clone());
                Some(Client { es, watch })
            }
        });
    }

    /// What callbacks do: the next steps of their list.
    fn callback(
        self: &Arc<World>,
        watch: &Arc<Watch>,
        es: *mut eventsource_t,
        told: &Told<'_>,
    ) -> i32 {
        let which = match told {
            Told::Request(_) => 0,
            Told::Open(_) | Told::Document(_) => 1,
            Told::Event(_) | Told::Events(_) => 2,
            Told::Comment(_) => 3,
            Told::Error(_) => 4,
            Told::Close(_) => 5,
        };
        let steps = lock(&self.of_callbacks[which]).pop_front();
        let mut answer = 0;
        for step in steps.into_iter().flatten() {
            answer = answer.max(self.take(step, Place::Callback(watch, es, told)));
        }
        answer
    }

    fn free(
        &self,
        client: &Shared<Client>,
        place: Place<'_>,
        is_wanted: impl FnOnce(&Client) -> bool,
    ) {
        let Some(client) = client.take(is_wanted) else {
            return;
        };
        let (in_callback, own) = match place {
            Place::Callback(_, own, _) => (true, client.es == own),
            Place::Thread => (false, false),
        };
        client.watch.will_stop(own);
        // SAFETY: taken from its place, by one, and nobody uses it but its own callbacks.
        dispatching(|| unsafe { eventsource_free(client.es) });
        if !in_callback {
            client.watch.ended(false);
        }
    }

    fn new_runtime(&self, how: u8) -> Option<Runtime> {
        if self.is_over.load(Ordering::Relaxed) {
            return None;
        }
        let dispatch = i32::from(how) % 3;
        let options = eventsource_runtime_options_t {
            size: size_of::<eventsource_runtime_options_t>(),
            dispatch: any(dispatch),
            threads: i32::from(how) / 3 % 2,
            thread_name: c"fuzz".as_ptr(),
            on_thread_start: Some(Hooks::started),
            on_thread_stop: Some(Hooks::stopped),
            user: ptr::null_mut(),
            destroy: None,
            measure_latency: i32::from(how) / 6 % 2,
        };
        // SAFETY: the options are whole.
        let runtime = unsafe { eventsource_runtime_new(&raw const options) };
        // SAFETY: the runtime is new.
        let status = unsafe { eventsource_runtime_check(runtime) };
        legal("runtime_new", status, &[EVENTSOURCE_OK]);
        Some(Runtime {
            runtime,
            is_manual: dispatch == eventsource_dispatch_t::EVENTSOURCE_DISPATCH_MANUAL as i32,
        })
    }

    fn free_runtime(&self, runtime: &Shared<Runtime>, place: Place<'_>) {
        // In a callback only where the library dispatches: what is freed with it would need somebody who does.
        let may_be_freed = |runtime: &Runtime| matches!(place, Place::Thread) || !runtime.is_manual;
        if let Some(runtime) = runtime.take(may_be_freed) {
            for watch in &*lock(&self.watches) {
                watch.will_stop(false);
            }
            // SAFETY: taken from its place, by one, and nobody uses it.
            dispatching(|| unsafe { eventsource_runtime_free(runtime.runtime) });
        }
    }
}

fn dispatch(runtime: &Runtime, how: u8, place: Place<'_>) {
    let mut ran = 0;
    let mut descriptor = -1;
    let max = [EVENTSOURCE_NO_LIMIT, 1, 2][usize::from(how % 3)];
    // SAFETY: the runtime is valid, it is not freed meanwhile.
    let (status, of_fd) = unsafe {
        let of_fd = eventsource_runtime_get_fd(runtime.runtime, &raw mut descriptor);
        let timeout = i64::from(how / 3 % 3);
        let dispatch = || eventsource_runtime_dispatch(runtime.runtime, timeout, max, &raw mut ran);
        (dispatching(dispatch), of_fd)
    };
    let expected = match (runtime.is_manual, place) {
        (false, _) => EVENTSOURCE_ERR_STATE,
        (true, Place::Callback(..)) => EVENTSOURCE_ERR_IN_CALLBACK,
        (true, Place::Thread) => EVENTSOURCE_OK,
    };
    legal("runtime_dispatch", status, &[expected]);
    promise!(
        max == EVENTSOURCE_NO_LIMIT || ran as i64 <= max,
        "{ran} turns, not {max} at most"
    );
    promise!(
        (of_fd == EVENTSOURCE_OK) == runtime.is_manual,
        "fd: {of_fd:?}"
    );
    promise!((descriptor >= 0) == runtime.is_manual, "fd: {descriptor}");
    check_metrics(runtime);
}

fn check_metrics(runtime: &Runtime) {
    // SAFETY: all members are numbers; the runtime is valid, and the size is that of the struct.
    let (status, metrics) = unsafe {
        let mut metrics: eventsource_metrics_t = std::mem::zeroed();
        let size = size_of::<eventsource_metrics_t>();
        let status = eventsource_runtime_get_metrics(runtime.runtime, &raw mut metrics, size);
        (status, metrics)
    };
    legal("runtime_get_metrics", status, &[EVENTSOURCE_OK]);
    let running = metrics.connecting + metrics.open + metrics.waiting;
    promise!(
        running <= metrics.starts,
        "{running} of {} run",
        metrics.starts
    );
}

/// # Safety
/// The client is valid.
unsafe fn policy(es: *mut eventsource_t) -> eventsource_reconnect_t {
    // SAFETY: all members are numbers; the size is set; the caller's promise.
    unsafe {
        let mut policy: eventsource_reconnect_t = std::mem::zeroed();
        legal(
            "get_reconnect",
            eventsource_get_reconnect(es, &raw mut policy, size_of::<eventsource_reconnect_t>()),
            &[EVENTSOURCE_OK],
        );
        policy
    }
}

/// How setters refuse what is bad, and how a client then refuses to start.
const REFUSALS: [eventsource_status_t; 7] = [
    EVENTSOURCE_ERR_HEADER,
    EVENTSOURCE_ERR_METHOD,
    EVENTSOURCE_ERR_NULL,
    EVENTSOURCE_ERR_PEM,
    EVENTSOURCE_ERR_URL,
    EVENTSOURCE_ERR_UTF8,
    EVENTSOURCE_ERR_VALUE,
];

/// How many setters [`set`] knows.
const SETTERS: u8 = 31;

/// A file for the secrets of connections, which nobody else can open and which leaves nothing behind.
fn key_log() -> *const c_char {
    static PATH: OnceLock<CString> = OnceLock::new();
    let made = || {
        // SAFETY: a name that ends in a NUL; the descriptor is this process's, for good.
        let file = unsafe { libc::memfd_create(c"keys".as_ptr(), libc::MFD_CLOEXEC) };
        // SAFETY: as above.
        let is_private = unsafe { libc::fchmod(file, 0o600) } == 0;
        promise!(is_private, "there is memory for a file");
        CString::new(format!("/proc/self/fd/{file}")).unwrap_or_default()
    };
    PATH.get_or_init(made).as_ptr()
}

/// Each setter, with something good and something bad.
///
/// # Safety
/// The client is valid.
unsafe fn set(es: *mut eventsource_t, is_own: bool, how: u8) {
    let bad = how & 1 == 1;
    let text = |good: &'static CStr, other: &'static CStr| if bad { other } else { good }.as_ptr();
    let number = if bad { 0 } else { 2000 };
    // SAFETY: the caller's promise; strings are NUL-terminated, sizes those of what is pointed at.
    let status = unsafe {
        match how / 2 % SETTERS {
            0 => eventsource_set_method(es, text(c"POST", c"CONNECT")),
            1 => eventsource_set_body(
                es,
                if bad {
                    ptr::null()
                } else {
                    c"body".as_ptr().cast()
                },
                4,
            ),
            2 => eventsource_set_header(es, c"X-Fuzz".as_ptr(), text(c"1", c"a\nb")),
            3 => eventsource_add_header(es, text(c"X-Fuzz", c"Connection"), c"2".as_ptr()),
            4 => eventsource_set_sensitive_header(es, text(c"X-Secret", c"\xFF"), c"3".as_ptr()),
            5 => eventsource_set_basic_auth(es, text(c"user", c"a:b"), c"password".as_ptr()),
            6 => {
                let mut policy = policy(es);
                policy.factor = if bad { f64::NAN } else { 1.0 };
                eventsource_set_reconnect(es, &raw const policy)
            }
            7 => eventsource_set_connect_timeout(es, number),
            8 => eventsource_set_read_timeout(es, number),
            9 => eventsource_set_max_redirects(es, if bad { -1 } else { 2 }),
            10 => eventsource_set_max_event_size(es, if bad { 0 } else { EVENT_LIMIT }),
            11 => eventsource_set_check_content_type(es, if bad { 2 } else { 0 }),
            12 => eventsource_set_ca_pem(es, c"none".as_ptr().cast(), if bad { 4 } else { 0 }),
            13 => eventsource_set_ca_exclusive(es, if bad { 2 } else { 0 }),
            14 => eventsource_set_client_cert_pem(
                es,
                c"none".as_ptr().cast(),
                if bad { 4 } else { 0 },
                ptr::null(),
                0,
            ),
            15 => eventsource_set_pinned_keys(es, if bad { c"none".as_ptr() } else { ptr::null() }),
            16 => eventsource_set_min_tls_version(es, any(if bad { 11 } else { 13 })),
            17 => eventsource_set_server_name(es, text(c"example.org", c"a b")),
            18 => eventsource_set_compression(es, if bad { 2 } else { 1 }),
            19 => eventsource_set_reconnect_with_get(es, if bad { 2 } else { 1 }),
            20 => eventsource_set_mode(es, any(if bad { -1 } else { i32::from(how % 4) })),
            21 => eventsource_set_response_timeout(es, number),
            22 => eventsource_set_event_timeout(es, number),
            23 => eventsource_set_cookies(es, if bad { 2 } else { 1 }),
            24 => eventsource_set_key_log_file(es, if bad { c"/proc".as_ptr() } else { key_log() }),
            25 => eventsource_set_end_marker(es, text(c"two", c"")),
            26 => eventsource_set_interface(es, text(c"127.0.0.1", c"/")),
            27 => eventsource_set_watch_network(es, if bad { 2 } else { 0 }),
            28 if bad => eventsource_set_name(es, c"\n".as_ptr()),
            28 => eventsource_set_max_error_body(es, 2),
            29 => eventsource_set_url(es, url(if bad { b'^' } else { b'%' }).as_ptr().cast()),
            _ => eventsource_set_insecure_skip_verification(es, if bad { 2 } else { 1 }),
        }
    };
    match (status, bad) {
        (EVENTSOURCE_ERR_STATE, _) => {}
        (EVENTSOURCE_OK, false) => promise!(!is_own, "nothing is set while it runs"),
        (status, _) => {
            promise!(
                bad && REFUSALS.contains(&status),
                "setter {}: {status:?}",
                how / 2 % SETTERS
            );
        }
    }
}

/// # Safety
/// The client is valid.
unsafe fn set_callback(es: *mut eventsource_t, watch: &Arc<Watch>, is_own: bool, how: u8) {
    let is_set = how.is_ascii_lowercase();
    if !is_set {
        watch.unset();
    }
    // SAFETY: the caller's promise; strings are NUL-terminated.
    let status = unsafe {
        match how.to_ascii_lowercase() {
            b'o' => eventsource_on_open(es, is_set.then_some(watch::on_open)),
            b'e' => eventsource_on_event(es, is_set.then_some(watch::on_event)),
            b't' => eventsource_on_event_type(es, c"a".as_ptr(), is_set.then_some(watch::on_event)),
            b'b' => eventsource_on_events(es, is_set.then_some(watch::on_events)),
            b'c' => eventsource_on_comment(es, is_set.then_some(watch::on_comment)),
            b'x' => eventsource_on_error(es, is_set.then_some(watch::on_error)),
            b'q' => eventsource_on_request(es, is_set.then_some(watch::on_request)),
            b'd' => eventsource_on_redirect(es, is_set.then_some(watch::on_redirect)),
            b'j' => eventsource_on_document(es, is_set.then_some(watch::on_document)),
            b'z' => eventsource_on_close(es, Some(watch::on_close)),
            _ => return,
        }
    };
    legal("on_…", status, &[EVENTSOURCE_OK, EVENTSOURCE_ERR_STATE]);
    promise!(
        !is_own || status != EVENTSOURCE_OK,
        "nothing is set while it runs"
    );
}

/// # Safety
/// The client is valid.
unsafe fn ask(es: *mut eventsource_t, how: u8) {
    let mut buffer = [0u8; 64];
    let capacity = usize::from(how) % (buffer.len() + 1);
    let mut len = usize::MAX;
    // SAFETY: the caller's promise, and a buffer of that size.
    unsafe {
        let text = buffer.as_mut_ptr().cast::<c_char>();
        let status = match how % 4 {
            0 => {
                let mut state = -1i32;
                let status = eventsource_get_state(es, (&raw mut state).cast());
                promise!((0..=4).contains(&state), "state {state}");
                legal("get_state", status, &[EVENTSOURCE_OK]);
                return;
            }
            1 => {
                let mut stats: eventsource_stats_t = std::mem::zeroed();
                let status =
                    eventsource_get_stats(es, &raw mut stats, size_of::<eventsource_stats_t>());
                legal("get_stats", status, &[EVENTSOURCE_OK]);
                promise!(
                    stats.open_ms >= -1 && stats.idle_ms >= -1,
                    "no negative age"
                );
                policy(es);
                return;
            }
            2 => eventsource_get_last_event_id(es, text, capacity, &raw mut len),
            _ if how & 4 == 0 => eventsource_get_last_error(es, text, capacity, &raw mut len),
            _ => match eventsource_get_cookies(es, text, capacity, &raw mut len) {
                // It keeps none.
                EVENTSOURCE_ERR_STATE => return,
                status => status,
            },
        };
        legal("get_…", status, &[EVENTSOURCE_OK, EVENTSOURCE_ERR_BUFFER]);
        promise!(
            (len < capacity) == (status == EVENTSOURCE_OK),
            "{len} bytes in {capacity}"
        );
        promise!(len >= capacity || buffer[len] == 0, "a NUL at the end");
    }
}

fn change(request: *mut eventsource_request_t, how: u8) {
    let (mut number, mut code, mut status) = (0, EVENTSOURCE_OK, -1);
    // SAFETY: in on_request; strings are NUL-terminated.
    unsafe {
        let answers = [
            eventsource_request_get_attempt(request, &raw mut number),
            eventsource_request_get_cause(request, &raw mut code, &raw mut status),
            match how % 7 {
                0 => eventsource_request_set_header(request, c"X-Fuzz".as_ptr(), c"4".as_ptr()),
                1 => eventsource_request_set_url(request, url(b'e' + how % 13).as_ptr().cast()),
                2 => eventsource_request_set_body(request, c"body".as_ptr().cast(), 4),
                3 => eventsource_request_add_header(request, c"X-Fuzz".as_ptr(), c"5".as_ptr()),
                4 => eventsource_request_remove_header(request, c"x-fuzz".as_ptr()),
                5 => eventsource_request_set_method(request, c"PUT".as_ptr()),
                _ => eventsource_request_set_sensitive_header(
                    request,
                    c"X-Secret".as_ptr(),
                    c"6".as_ptr(),
                ),
            },
        ];
        promise!(answers == [EVENTSOURCE_OK; 3], "{answers:?}");
    }
    promise!(number >= 1, "attempt {number}");
    promise!(
        code == EVENTSOURCE_OK || code as i32 >= 32,
        "cause {code:?}"
    );
}

/// A parser, from its making to its end.
fn parse(how: u8) {
    /// What the callbacks do.
    struct Told(u8);

    unsafe extern "C-unwind" fn on_event(
        parser: *mut eventsource_parser_t,
        _: *const eventsource_event_t,
        user: *mut c_void,
    ) {
        // SAFETY: in the parser's callback; the pointer is the options'.
        unsafe {
            match (*user.cast::<Told>()).0 % 4 {
                0 => eventsource_parser_free(parser),
                1 => {
                    let refused = [
                        eventsource_parser_feed(parser, c"x".as_ptr().cast(), 1),
                        eventsource_parser_reset(parser),
                    ];
                    promise!(refused == [EVENTSOURCE_ERR_IN_CALLBACK; 2], "{refused:?}");
                }
                _ => {}
            }
        }
    }

    let mut told = Told(how);
    let options = eventsource_parser_options_t {
        size: size_of::<eventsource_parser_options_t>(),
        max_event_size: 8,
        on_event: Some(on_event),
        on_comment: None,
        on_retry: None,
        user: (&raw mut told).cast(),
    };
    let stream = b"data: a\n\ndata: b\n\ndata: 123456789\n\n";
    // SAFETY: the options are whole, the parser is freed once.
    unsafe {
        let parser = eventsource_parser_new(&raw const options);
        legal(
            "parser_new",
            eventsource_parser_check(parser),
            &[EVENTSOURCE_OK],
        );
        let status = eventsource_parser_feed(parser, stream.as_ptr().cast(), stream.len());
        if how.is_multiple_of(4) {
            legal("parser_feed", status, &[EVENTSOURCE_OK]);
        } else {
            legal("parser_feed", status, &[EVENTSOURCE_ERR_EVENT_TOO_LARGE]);
            legal(
                "parser_reset",
                eventsource_parser_reset(parser),
                &[EVENTSOURCE_OK],
            );
            eventsource_parser_free(parser);
        }
    }
}

/// Counts the threads that have been told of by `on_thread_start` and not yet by `on_thread_stop`.
struct Hooks;

static RUNNING: Mutex<i32> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

impl Hooks {
    unsafe extern "C-unwind" fn started(_: *mut c_void) {
        *lock(&RUNNING) += 1;
    }

    unsafe extern "C-unwind" fn stopped(_: *mut c_void) {
        *lock(&RUNNING) -= 1;
        CHANGED.notify_all();
    }

    fn all_stopped() {
        let waited = CHANGED.wait_timeout_while(lock(&RUNNING), LIMIT, |running| *running > 0);
        let running = *waited.unwrap_or_else(PoisonError::into_inner).0;
        promise!(running == 0, "{running} threads are not told to stop");
    }
}

/// Checks that a call has answered with one of its documented statuses.
fn legal(call: &str, status: eventsource_status_t, documented: &[eventsource_status_t]) {
    promise!(
        documented.contains(&status),
        "eventsource_{call}: {status:?}"
    );
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
