//! The scheduler: who takes tasks, who drives the reactor, and when there are more threads.

use crate::scheduler::{Alarm, Limits, Next, Scheduler, Worker};
use crate::sync::{Condvar, Mutex, TIME_RUNS_OUT, lock, wait};
use crate::{Parked, check};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
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

/// Waits until another task has run.
const BLOCKS: Task = 100;

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

    fn run(&self, task: Task) {
        let mut state = lock(&self.state);
        if task == BLOCKS {
            state.is_blocked = true;
            self.changed.notify_all();
            state = wait(&self.changed, state, |state| !state.ran.is_empty());
        }
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
        let mut worker = Worker::default();
        loop {
            match self.scheduler.next(&mut worker) {
                Next::Run(task) => self.run(task),
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
            for _ in 0..self.scheduler.tick(|_| true) {
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
        let (mut leader, mut spare) = (Worker::default(), Worker::default());
        // A spare is called in for a blocked leader, which then goes on and parks.
        world.push(1);
        world.push(2);
        assert_eq!(scheduler.next(&mut leader), Next::Run(1));
        assert_eq!(scheduler.tick(|_| true) + scheduler.tick(|_| true), 1);
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
        let mut started = scheduler.tick(|_| true) + scheduler.tick(|_| true);
        match resting.join().unwrap() {
            Next::Park => {}
            Next::Leave => {
                scheduler.left();
                started += scheduler.tick(|_| true) + scheduler.tick(|_| true);
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
        let (mut leader, mut spare) = (Worker::default(), Worker::default());
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
        assert_eq!(scheduler.tick(|_| true) + scheduler.tick(|_| true), 1);
        assert_eq!(scheduler.next(&mut spare), Next::Park);
        assert!(scheduler.poll_park(&mut cx).is_pending() && !is_set());
        assert_eq!(scheduler.tick(|_| true), 0);
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
        let mut worker = Worker::default();
        world.push(1);
        world.push(2);
        world.push(3);
        assert_eq!(scheduler.next(&mut worker), Next::Run(1));
        assert_eq!(scheduler.tick(|_| true), 0, "it may have begun just now");
        assert_eq!(
            scheduler.tick(|_| true),
            3,
            "two for the tasks, one for the reactor"
        );
        for _ in 0..100 {
            assert_eq!(scheduler.tick(|_| true), 0);
        }
    });
}

#[test]
fn blocked_threads_are_overtaken_by_doubling_and_never_beyond_the_limit() {
    loom::model(|| {
        let world = World::new(10, 0);
        let scheduler = &world.scheduler;
        (0..100).for_each(|task| world.push(task));
        let mut blocked = vec![Worker::default()];
        assert_eq!(scheduler.next(&mut blocked[0]), Next::Run(0));
        let mut steps = Vec::new();
        while blocked.len() < 10 {
            let more = (0..2).map(|_| scheduler.tick(|_| true)).sum::<usize>();
            steps.push(more);
            for _ in 0..more {
                let mut worker = Worker::default();
                assert!(matches!(scheduler.next(&mut worker), Next::Run(_)));
                blocked.push(worker);
            }
        }
        assert_eq!(steps, [3, 6]);
        assert_eq!((0..10).map(|_| scheduler.tick(|_| true)).sum::<usize>(), 0);
    });
}

#[test]
fn two_hundred_that_block_at_once_are_overtaken_soon() {
    for parallel in [1, 2, 16, 64] {
        loom::model(move || {
            let limits = Limits {
                parallel,
                threads: 1000,
            };
            let scheduler = Scheduler::new(limits, Bell::default());
            for task in 0..200 {
                assert!(scheduler.push(task).is_ok());
            }
            let mut blocked = vec![Worker::default()];
            assert_eq!(scheduler.next(&mut blocked[0]), Next::Run(0));
            let mut milliseconds = 0;
            while blocked.len() < 200 {
                let is_hurried = scheduler.alarm().is_hurried.load(Ordering::SeqCst);
                milliseconds += if is_hurried { 1 } else { 5 };
                for _ in 0..scheduler.tick(|_| true) {
                    let mut worker = Worker::default();
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
        let mut workers = vec![Worker::default()];
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
            workers.extend((0..scheduler.tick(|_| true)).map(|_| Worker::default()));
        }
        assert_eq!(workers.len(), 4);
    });
}

#[test]
fn threads_that_only_want_a_processor_are_not_overtaken_before_long() {
    loom::model(|| {
        let world = World::new(10, 0);
        let scheduler = &world.scheduler;
        let mut worker = Worker::default();
        world.push(1);
        world.push(2);
        assert_eq!(scheduler.next(&mut worker), Next::Run(1));
        let wants_a_processor = |_| false;
        let started: Vec<_> = (0..3).map(|_| scheduler.tick(wants_a_processor)).collect();
        assert_eq!(
            started,
            [0, 0, 2],
            "a computation is no reason to wait for ever"
        );

        // Whoever is seen to wait once need not be looked at again.
        let mut other = Worker::default();
        assert_eq!(scheduler.next(&mut other), Next::Run(2));
        world.push(3);
        scheduler.tick(|_| true);
        scheduler.tick(|_| true);
        scheduler.tick(|_| panic!("looked at again"));
    });
}

#[test]
fn however_many_want_a_processor_there_come_to_be_a_few_threads_for_each() {
    loom::model(|| {
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
                    scheduler.next(&mut Worker::default()),
                    Next::Run(_)
                ));
            }
            threads += more;
            more = scheduler.tick(|_| false);
        }
        assert!((8..=24).contains(&threads), "{threads}");
    });
}

#[test]
fn a_thread_that_returns_soon_is_not_taken_for_blocked() {
    loom::model(|| {
        let world = World::new(10, 0);
        let scheduler = &world.scheduler;
        let mut worker = Worker::default();
        for task in 0..20 {
            world.push(task);
            assert_eq!(scheduler.next(&mut worker), Next::Run(task));
            assert_eq!(scheduler.tick(|_| true), 0);
        }
    });
}
