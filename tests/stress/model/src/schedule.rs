//! The scheduler: who takes tasks, who drives the reactor, and when there are more threads.

use crate::place::Place;
use crate::scheduler::{
    Alarm, Limits, Next, NotStarted, Orders, Scheduler, ThreadId, Watch, Worker,
};
use crate::sync::{Condvar, Mutex, TIME_RUNS_OUT, lock, wait};
use crate::{Parked, check, check_steps};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use std::cell::Cell;
use std::sync::Arc;

type Task = u32;

/// The runtime's part: threads, a reactor that has events, an alarm, and what has happened.
struct World {
    scheduler: Scheduler<Task, Bell>,
    state: Mutex<State>,
    changed: Condvar,
    expected: usize,
}

#[derive(Default)]
struct State {
    ran: Vec<Task>,
    /// Tasks that become ready where somebody drives the reactor.
    events: Vec<Task>,
    is_driven: bool,
    is_blocked: bool,
}

/// An alarm that can be waited for.
#[derive(Default)]
struct Bell {
    is_set: Mutex<(bool, bool)>,
    changed: Condvar,
    is_hurried: AtomicBool,
}

impl Bell {
    /// False when it will never ring again.
    fn wait(&self) -> bool {
        let state = wait(&self.changed, lock(&self.is_set), |(is_set, over)| {
            *is_set || *over
        });
        !state.1
    }

    fn end(&self) {
        lock(&self.is_set).1 = true;
        self.changed.notify_all();
    }
}

impl Alarm for Bell {
    fn set(&self) {
        self.is_hurried.store(false, Ordering::SeqCst);
        lock(&self.is_set).0 = true;
        self.changed.notify_all();
    }

    fn hurry(&self) {
        assert!(lock(&self.is_set).0, "hurried while it is not set");
        self.is_hurried.store(true, Ordering::SeqCst);
    }

    fn clear(&self) {
        lock(&self.is_set).0 = false;
    }

    fn rang_in_vain(&self) {
        assert!(!lock(&self.is_set).0, "it is set");
    }
}

/// A system on which every thread that is looked at does the same.
#[derive(Clone, Copy, PartialEq)]
enum All {
    Wait,
    WantAProcessor,
    AreNotLookedAt,
}

impl Watch for All {
    fn waits(&self, _thread: ThreadId) -> bool {
        assert!(*self != All::AreNotLookedAt, "looked at");
        *self == All::Wait
    }

    fn computed(&self, _thread: ThreadId) -> Option<u64> {
        None
    }
}

/// Waits in a callback until another task has run.
const BLOCKS: Task = 100;
/// Waits for the same, but in the library's own code.
const WAITS: Task = 101;

/// A thread, and the place at which it says where it is.
fn worker() -> (Worker, Arc<Place>) {
    let place = Arc::new(Place::default());
    (Worker::new(0, place.clone()), place)
}

/// A thread that is in a callback whenever somebody looks.
fn worker_in_callbacks() -> Worker {
    let (worker, place) = worker();
    std::mem::forget(place.enter());
    worker
}

/// How many threads so many ticks start, if each thread that is looked at waits.
fn started_in(ticks: usize, scheduler: &Scheduler<Task, Bell>) -> usize {
    (0..ticks).map(|_| scheduler.tick(&All::Wait).start).sum()
}

impl World {
    fn new(threads: usize, expected: usize) -> Arc<World> {
        Arc::new(World {
            scheduler: Scheduler::new(
                Limits {
                    parallel: 1,
                    threads,
                },
                Bell::default(),
            ),
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            expected,
        })
    }

    fn push(&self, task: Task) {
        // Pushed or given back: never lost.
        if self.scheduler.push(task).is_err() {
            panic!("shut down before all tasks had run");
        }
    }

    /// An event comes to the reactor.
    fn event(&self, task: Task) {
        lock(&self.state).events.push(task);
    }

    fn run(&self, task: Task, place: &Place) {
        let inside = (task != WAITS).then(|| place.enter());
        let mut state = lock(&self.state);
        if task == BLOCKS || task == WAITS {
            state.is_blocked = true;
            self.changed.notify_all();
            state = wait(&self.changed, state, |state| !state.ran.is_empty());
        }
        drop(inside);
        assert!(!state.ran.contains(&task), "{task} ran twice");
        state.ran.push(task);
        let is_over = state.ran.len() == self.expected;
        self.changed.notify_all();
        drop(state);
        if is_over {
            assert!(self.scheduler.shut_down().is_empty());
            self.scheduler.alarm().end();
        }
    }

    /// Drives the reactor once: what has come wakes its tasks.
    fn drive(&self) {
        let events = {
            let mut state = lock(&self.state);
            assert!(
                !std::mem::replace(&mut state.is_driven, true),
                "two drivers"
            );
            std::mem::take(&mut state.events)
        };
        for task in events {
            self.push(task);
        }
        lock(&self.state).is_driven = false;
    }

    /// A thread's life, as in the runtime.
    fn work(&self) {
        let parked = Parked::new();
        let (mut worker, place) = worker();
        loop {
            match self.scheduler.next(&mut worker) {
                Next::Run(task) => self.run(task, &place),
                Next::Park => parked.until_ready(|cx| {
                    let poll = self.scheduler.poll_park(cx);
                    if poll.is_pending() {
                        self.drive();
                    }
                    poll
                }),
                Next::Look => self.drive(),
                Next::Leave => break,
            }
        }
        self.scheduler.left();
    }

    /// The watchdog's life. Time is no part of the model: it begins when a task blocks.
    fn watch(self: &Arc<World>, most_ticks: usize) {
        drop(wait(&self.changed, lock(&self.state), |state| {
            state.is_blocked
        }));
        for _ in 0..most_ticks {
            if !self.scheduler.alarm().wait() {
                return;
            }
            for _ in 0..self.scheduler.tick(&All::Wait).start {
                let world = self.clone();
                thread::spawn(move || world.work());
            }
        }
    }

    /// Waits until all tasks have run.
    fn ended(&self) {
        drop(wait(&self.changed, lock(&self.state), |state| {
            state.ran.len() == self.expected
        }));
    }
}

#[test]
fn a_task_that_is_pushed_runs_once_whatever_the_leader_is_doing() {
    check(3, || {
        let world = World::new(1, 2);
        let pusher = {
            let world = world.clone();
            thread::spawn(move || {
                world.push(1);
                world.push(2);
            })
        };
        world.work();
        pusher.join().unwrap();
        world.ended();
    });
}

#[test]
fn tasks_pushed_by_several_threads_run_once_each() {
    check(3, || {
        let world = World::new(1, 2);
        let pushers = [1, 2].map(|task| {
            let world = world.clone();
            thread::spawn(move || world.push(task))
        });
        world.work();
        for pusher in pushers {
            pusher.join().unwrap();
        }
        world.ended();
    });
}

#[test]
fn what_waits_behind_a_blocked_task_is_run_by_a_thread_that_is_called_in() {
    check(2, || {
        let world = World::new(3, 2);
        let watchdog = {
            let world = world.clone();
            thread::spawn(move || world.watch(3))
        };
        world.push(BLOCKS);
        world.push(1);
        world.work();
        watchdog.join().unwrap();
        world.ended();
    });
}

#[test]
fn the_reactor_is_driven_while_a_task_blocks() {
    check(2, || {
        let world = World::new(3, 2);
        let watchdog = {
            let world = world.clone();
            thread::spawn(move || world.watch(3))
        };
        world.push(BLOCKS);
        world.event(1);
        world.work();
        watchdog.join().unwrap();
        world.ended();
    });
}

#[test]
fn a_task_pushed_from_outside_while_another_blocks_is_run() {
    check(2, || {
        let world = World::new(3, 2);
        let watchdog = {
            let world = world.clone();
            thread::spawn(move || {
                drop(wait(&world.changed, lock(&world.state), |state| {
                    state.is_blocked
                }));
                // Before or after the spare has parked.
                world.push(1);
                world.watch(3);
            })
        };
        world.push(BLOCKS);
        world.work();
        watchdog.join().unwrap();
        world.ended();
    });
}

#[test]
fn a_thread_that_is_called_as_its_rest_ends_does_not_leave_with_the_call() {
    check(3, || {
        TIME_RUNS_OUT.set(true);
        let world = World::new(2, 0);
        let scheduler = &world.scheduler;
        let (mut leader, mut spare) = (worker_in_callbacks(), worker_in_callbacks());
        // A spare is called in for a blocked leader, which then goes on and parks.
        world.push(1);
        world.push(2);
        assert_eq!(scheduler.next(&mut leader), Next::Run(1));
        assert_eq!(started_in(2, scheduler), 1);
        assert_eq!(scheduler.next(&mut spare), Next::Run(2));
        assert_eq!(scheduler.next(&mut leader), Next::Park);
        let parked = Parked::new().into();
        let mut cx = std::task::Context::from_waker(&parked);
        assert!(scheduler.poll_park(&mut cx).is_pending());

        // The spare's rest begins and ends, while the leader blocks again.
        let resting = {
            let world = world.clone();
            thread::spawn(move || world.scheduler.next(&mut spare))
        };
        world.push(3);
        if scheduler.poll_park(&mut cx).is_pending() || scheduler.next(&mut leader) == Next::Park {
            // Then the spare has come to the task before its rest.
            assert_eq!(resting.join().unwrap(), Next::Run(3));
            return;
        }
        let mut started = started_in(2, scheduler);
        match resting.join().unwrap() {
            Next::Park => {}
            Next::Leave => {
                scheduler.left();
                started += started_in(2, scheduler);
                assert_eq!(started, 1, "nobody looks after the reactor");
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn the_alarm_is_set_exactly_while_a_task_runs_and_nobody_is_parked() {
    loom::model(|| {
        let world = World::new(10, 0);
        let scheduler = &world.scheduler;
        let is_set = || lock(&scheduler.alarm().is_set).0;
        let parked = Parked::new().into();
        let mut cx = std::task::Context::from_waker(&parked);
        let (mut leader, mut spare) = (worker_in_callbacks(), worker_in_callbacks());
        assert_eq!(scheduler.next(&mut leader), Next::Park);
        assert!(scheduler.poll_park(&mut cx).is_pending() && !is_set());
        for task in [1, 2] {
            world.push(task);
            assert!(scheduler.poll_park(&mut cx).is_ready());
            assert!(scheduler.next(&mut leader) == Next::Run(task) && is_set());
            assert!(scheduler.next(&mut leader) == Next::Park && is_set());
            assert!(scheduler.poll_park(&mut cx).is_pending() && !is_set());
        }
        // A task that goes on beside a parked thread holds up nobody.
        world.push(3);
        assert!(scheduler.poll_park(&mut cx).is_ready());
        assert!(scheduler.next(&mut leader) == Next::Run(3) && is_set());
        assert_eq!(started_in(2, scheduler), 1);
        assert_eq!(scheduler.next(&mut spare), Next::Park);
        assert!(scheduler.poll_park(&mut cx).is_pending() && !is_set());
        assert_eq!(started_in(1, scheduler), 0);
    });
}

#[test]
fn threads_whose_rests_end_at_once_run_everything_all_the_same() {
    check(2, || {
        TIME_RUNS_OUT.set(true);
        let world = World::new(3, 3);
        let watchdog = {
            let world = world.clone();
            thread::spawn(move || {
                world.watch(3);
            })
        };
        world.push(BLOCKS);
        world.push(1);
        world.push(2);
        world.work();
        watchdog.join().unwrap();
        world.ended();
    });
}

#[test]
fn threads_on_their_way_are_not_called_again() {
    loom::model(|| {
        let world = World::new(100, 0);
        let scheduler = &world.scheduler;
        let mut worker = worker_in_callbacks();
        world.push(1);
        world.push(2);
        world.push(3);
        assert_eq!(scheduler.next(&mut worker), Next::Run(1));
        assert_eq!(started_in(1, scheduler), 0, "it may have begun just now");
        assert_eq!(
            started_in(1, scheduler),
            3,
            "two for the tasks, one for the reactor"
        );
        for _ in 0..100 {
            assert_eq!(started_in(1, scheduler), 0);
        }
    });
}

#[test]
fn blocked_threads_are_overtaken_by_doubling_and_never_beyond_the_limit() {
    loom::model(|| {
        let world = World::new(10, 0);
        let scheduler = &world.scheduler;
        (0..100).for_each(|task| world.push(task));
        let mut blocked = vec![worker_in_callbacks()];
        assert_eq!(scheduler.next(&mut blocked[0]), Next::Run(0));
        let mut steps = Vec::new();
        while blocked.len() < 10 {
            let more = started_in(2, scheduler);
            steps.push(more);
            for _ in 0..more {
                let mut worker = worker_in_callbacks();
                assert!(matches!(scheduler.next(&mut worker), Next::Run(_)));
                blocked.push(worker);
            }
        }
        assert_eq!(steps, [3, 6]);
        assert_eq!(started_in(10, scheduler), 0);
    });
}

#[test]
fn two_hundred_that_block_at_once_are_overtaken_soon() {
    for parallel in [1, 2, 16, 64] {
        check_steps(move || {
            let limits = Limits {
                parallel,
                threads: 1000,
            };
            let scheduler = Scheduler::new(limits, Bell::default());
            for task in 0..200 {
                assert!(scheduler.push(task).is_ok());
            }
            let mut blocked = vec![worker_in_callbacks()];
            assert_eq!(scheduler.next(&mut blocked[0]), Next::Run(0));
            let mut milliseconds = 0;
            while blocked.len() < 200 {
                let is_hurried = scheduler.alarm().is_hurried.load(Ordering::SeqCst);
                milliseconds += if is_hurried { 1 } else { 5 };
                for _ in 0..started_in(1, &scheduler) {
                    let mut worker = worker_in_callbacks();
                    if let Next::Run(_) = scheduler.next(&mut worker) {
                        blocked.push(worker);
                    }
                }
                assert!(
                    milliseconds < 45,
                    "{parallel}: {} are blocked",
                    blocked.len()
                );
            }
        });
    }
}

#[test]
fn where_there_is_too_much_to_do_there_come_to_be_as_many_threads_as_processors() {
    loom::model(|| {
        let limits = Limits {
            parallel: 4,
            threads: 1000,
        };
        let scheduler = Scheduler::new(limits, Bell::default());
        let mut workers = vec![worker_in_callbacks()];
        let mut task = 0;
        let mut push = |n| {
            for _ in 0..n {
                task += 1;
                assert!(scheduler.push(task).is_ok());
            }
        };
        push(10);
        for _ in 0..20 {
            // Nobody is blocked: each comes back for its next task between two ticks.
            for worker in &mut workers {
                push(1);
                assert!(matches!(scheduler.next(worker), Next::Run(_)));
            }
            workers.extend((0..scheduler.tick(&All::Wait).start).map(|_| worker_in_callbacks()));
        }
        assert_eq!(workers.len(), 4);
    });
}

#[test]
fn threads_that_only_want_a_processor_are_not_overtaken_before_long() {
    loom::model(|| {
        let world = World::new(10, 0);
        let scheduler = &world.scheduler;
        let mut worker = worker_in_callbacks();
        world.push(1);
        world.push(2);
        assert_eq!(scheduler.next(&mut worker), Next::Run(1));
        let started: Vec<_> = (0..3)
            .map(|_| scheduler.tick(&All::WantAProcessor).start)
            .collect();
        assert_eq!(
            started,
            [0, 0, 2],
            "a computation is no reason to wait for ever"
        );

        // Whoever is seen to wait once need not be looked at again.
        let mut other = worker_in_callbacks();
        assert_eq!(scheduler.next(&mut other), Next::Run(2));
        world.push(3);
        scheduler.tick(&All::Wait);
        scheduler.tick(&All::Wait);
        scheduler.tick(&All::AreNotLookedAt);
    });
}

#[test]
fn however_many_want_a_processor_there_come_to_be_a_few_threads_for_each() {
    check_steps(|| {
        let limits = Limits {
            parallel: 2,
            threads: 1000,
        };
        let scheduler = Scheduler::new(limits, Bell::default());
        for task in 0..200 {
            assert!(scheduler.push(task).is_ok());
        }
        let mut threads = 0;
        let mut more = 1;
        for _ in 0..100 {
            for _ in 0..more {
                assert!(matches!(
                    scheduler.next(&mut worker_in_callbacks()),
                    Next::Run(_)
                ));
            }
            threads += more;
            more = scheduler.tick(&All::WantAProcessor).start;
        }
        assert!((8..=24).contains(&threads), "{threads}");
    });
}

#[test]
fn a_thread_that_returns_soon_is_not_taken_for_blocked() {
    loom::model(|| {
        let world = World::new(10, 0);
        let scheduler = &world.scheduler;
        let mut worker = worker_in_callbacks();
        for task in 0..20 {
            world.push(task);
            assert_eq!(scheduler.next(&mut worker), Next::Run(task));
            assert_eq!(started_in(1, scheduler), 0);
        }
    });
}

#[test]
fn a_thread_that_waits_in_the_librarys_own_code_is_not_replaced() {
    check(3, || {
        let world = World::new(10, 2);
        let (mut waiting, _place) = worker();
        world.push(WAITS);
        world.push(1);
        assert_eq!(world.scheduler.next(&mut waiting), Next::Run(WAITS));
        for _ in 0..100 {
            assert_eq!(world.scheduler.tick(&All::Wait), Orders::default());
        }
    });
}

#[test]
fn nor_is_one_that_has_come_back_from_its_callback_when_the_alarm_rings() {
    check(3, || {
        let world = World::new(10, 2);
        let (mut worker, place) = worker();
        world.push(1);
        world.push(2);
        assert_eq!(world.scheduler.next(&mut worker), Next::Run(1));
        let callbacks = thread::spawn(move || {
            for _ in 0..2 {
                drop(place.enter());
            }
        });
        let tick = || world.scheduler.tick(&All::Wait).start;
        // It may be in a callback at each of these, but then it is in one of two.
        let started = tick() + tick();
        callbacks.join().unwrap();
        assert!(started == 0 || started == 2, "{started}");
        assert_eq!(tick(), 0, "it is in none");
    });
}

#[test]
fn callbacks_are_not_left_before_the_outer_one_is() {
    loom::model(|| {
        let world = World::new(10, 2);
        let (mut worker, place) = worker();
        world.push(1);
        world.push(2);
        assert_eq!(world.scheduler.next(&mut worker), Next::Run(1));
        let outer = place.enter();
        drop(place.enter());
        let tick = || world.scheduler.tick(&All::Wait).start;
        assert_eq!((tick(), tick()), (0, 2));
        drop(outer);
    });
}

#[test]
fn while_the_librarys_own_code_takes_long_a_thread_for_a_free_processor_drives_the_reactor() {
    for (parallel, expected) in [(1, 0), (2, 1), (4, 1)] {
        loom::model(move || {
            let limits = Limits {
                parallel,
                threads: 10,
            };
            let scheduler = Scheduler::new(limits, Bell::default());
            let (mut busy, _place) = worker();
            assert!(scheduler.push(1).is_ok());
            assert_eq!(scheduler.next(&mut busy), Next::Run(1));
            assert_eq!(started_in(10, &scheduler), expected, "{parallel}");
        });
    }
}

#[test]
fn where_threads_cannot_be_started_that_is_tried_now_and_then_and_said_once() {
    check_steps(|| {
        let world = World::new(10, 2);
        let scheduler = &world.scheduler;
        let rings = || lock(&scheduler.alarm().is_set).0;
        let parked = Parked::new().into();
        let mut cx = std::task::Context::from_waker(&parked);
        let mut worker = worker_in_callbacks();
        world.push(1);
        world.push(2);
        assert_eq!(scheduler.next(&mut worker), Next::Run(1));
        let (mut attempts, mut news) = (0, 0);
        for _ in 0..1000 {
            let orders = scheduler.tick(&All::Wait);
            assert!(!orders.is_relieved);
            if orders.start > 0 {
                let NotStarted { is_news, was_last } = scheduler.not_started(orders.start);
                attempts += 1;
                news += usize::from(is_news);
                assert!(!was_last);
            }
        }
        assert!((10..=60).contains(&attempts), "{attempts} in 5 s");
        assert_eq!(news, 1);

        // The callback returns: it is over when no thread has been wanted for a while, though the thread parks.
        assert_eq!(scheduler.next(&mut worker), Next::Run(2));
        assert_eq!(scheduler.next(&mut worker), Next::Park);
        assert!(scheduler.poll_park(&mut cx).is_pending() && rings());
        let told: Vec<_> = (0..300).map(|_| scheduler.tick(&All::Wait)).collect();
        assert_eq!(told.iter().filter(|orders| orders.is_relieved).count(), 1);
        assert!(told.iter().all(|orders| orders.start == 0));
        assert!(!rings());
    });
}

#[test]
fn a_shortage_is_over_when_threads_can_be_started_again() {
    check_steps(|| {
        let world = World::new(10, 2);
        let scheduler = &world.scheduler;
        let mut worker = worker_in_callbacks();
        world.push(1);
        world.push(2);
        assert_eq!(scheduler.next(&mut worker), Next::Run(1));
        let start = || {
            let mut ticks = (0..100).map(|_| scheduler.tick(&All::Wait).start);
            ticks.find(|start| *start > 0).expect("one is wanted")
        };
        assert!(scheduler.not_started(start()).is_news);
        assert!(!scheduler.not_started(start()).is_news);
        assert!(start() > 0);
        assert_eq!(scheduler.next(&mut worker_in_callbacks()), Next::Run(2));
        let relieved = (0..300).filter(|_| scheduler.tick(&All::Wait).is_relieved);
        assert_eq!(relieved.count(), 1);
    });
}

/// Time that a thread has had a processor for, as the test says.
struct Computed(Cell<u64>);

impl Watch for Computed {
    fn waits(&self, _thread: ThreadId) -> bool {
        false
    }

    fn computed(&self, _thread: ThreadId) -> Option<u64> {
        Some(self.0.get())
    }
}

#[test]
fn where_it_can_be_told_only_time_on_a_processor_counts_as_computing() {
    check_steps(|| {
        let world = World::new(10, 2);
        let mut worker = worker_in_callbacks();
        world.push(1);
        world.push(2);
        assert_eq!(world.scheduler.next(&mut worker), Next::Run(1));
        let watch = Computed(Cell::new(1000));
        let ticks = |n: usize| -> usize {
            let orders = (0..n).map(|_| world.scheduler.tick(&watch));
            orders.map(|orders| orders.start).sum()
        };
        assert_eq!(ticks(100), 0, "it has had none for half a second");
        watch.0.set(1007);
        assert_eq!(ticks(100), 0);
        watch.0.set(1008);
        assert_eq!(ticks(1), 2);
    });
}
