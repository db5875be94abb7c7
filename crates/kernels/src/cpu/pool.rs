//! Threads that wait for a run, and meet within it.
//!
//! Between runs a worker spins for a while, because in decoding the next run is near, and then
//! sleeps until it is woken. Within a run, members that wait for one another spin and, so that a
//! busy machine gets on, give their core away when that takes long.
//!
//! Backends beside one another have one pool, behind a lock that each takes for the length of a
//! run: two models take turns at the cores, and no worker of one spins on the core that the other
//! needs. A job that ran another on its own pool would wait for ever.
//!
//! What the members do is in `share`; nothing here knows of plans.

use std::{
    any::Any,
    cell::UnsafeCell,
    hint,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::Config;

/// How long a worker spins before it sleeps: meant to outlast the sampling of a token.
const PATIENCE: Duration = Duration::from_micros(500);

/// Turns of a spin loop between two looks at the clock, or before a core is given away.
const SPINS: u32 = 1 << 10;

/// The calling thread and its workers.
pub(super) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// One thread in one run.
pub(super) struct Member<'a> {
    /// Below `count`.
    pub(super) index: usize,
    /// Members of the run.
    pub(super) count: usize,
    shared: &'a Shared,
}

type Job<'a> = dyn Fn(Member<'_>) + Sync + 'a;

/// What a run is, without its lifetime.
type ErasedJob = *const Job<'static>;

struct Shared {
    /// Counts the jobs; the last bump of all comes with `stop`.
    epoch: AtomicU32,
    stop: AtomicBool,
    /// Written while no worker is in a job, read by workers in one.
    job: UnsafeCell<Option<ErasedJob>>,
    /// Workers that are not through with the job.
    running: Apart<AtomicUsize>,
    /// Members at the next meeting.
    arrived: Apart<AtomicUsize>,
    /// Counts meetings.
    meeting: AtomicU32,
    /// A member panicked: nobody should wait for it.
    broken: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// What all members count, on a cache line of its own: they need not fetch again what they look at
/// while they wait. Some processors fetch lines of 64 bytes in pairs.
#[repr(align(128))]
struct Apart<T>(T);

// SAFETY: all but `job` is `Sync` by itself. `Pool::run` writes `job` before it bumps `epoch` and
// not again before `running` is zero; a worker reads it after it saw the bump and before it counts
// `running` down. What it points to is `Sync`.
unsafe impl Sync for Shared {}
// SAFETY: as above; the pointer is only ever followed while `Pool::run` borrows the job.
unsafe impl Send for Shared {}

/// What unwinds a member that waits for one that panicked.
struct Broken;

impl Pool {
    /// A pool of `threads` threads, of which the first is whoever calls [`run`](Self::run); or how
    /// many there are when the system gives no more, [`Config::MAX_THREADS`] at most.
    pub(super) fn new(threads: usize) -> Result<Self, usize> {
        if threads > Config::MAX_THREADS {
            return Err(Config::MAX_THREADS);
        }
        let mut pool = Self { shared: Arc::new(Shared::new()), workers: Vec::new() };
        for index in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let worker = thread::Builder::new().name(format!("ingle-{index}"));
            match worker.spawn(move || shared.work(index, threads)) {
                Ok(handle) => pool.workers.push(handle),
                Err(_) => return Err(index),
            }
        }
        Ok(pool)
    }

    fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `job` on every thread, each with another index, and returns when all are through.
    /// Panics as the first of them panicked; the pool can be used again.
    pub(super) fn run(&mut self, job: &Job<'_>) {
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes, and nobody follows the pointer after this function
        // has waited for `running` to be zero, which it does even if the job panics.
        let erased = unsafe { std::mem::transmute::<*const Job<'_>, ErasedJob>(job) };
        // SAFETY: `&mut self` and the end of the last call: no worker is in a job.
        unsafe { *shared.job.get() = Some(erased) };
        shared.arrived.0.store(0, Ordering::Relaxed);
        shared.broken.store(false, Ordering::Relaxed);
        shared.running.0.store(self.workers.len(), Ordering::Relaxed);
        shared.epoch.fetch_add(1, Ordering::Release);
        self.workers.iter().for_each(|it| it.thread().unpark());

        shared.join_in(job, 0, self.threads());
        wait_until(|| shared.running.0.load(Ordering::Acquire) == 0);
        let panic = shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.epoch.fetch_add(1, Ordering::Release);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            worker.join().expect("a worker catches what its jobs throw");
        }
    }
}

impl Member<'_> {
    /// Returns when all members have called this; what each did before, all see after.
    pub(super) fn meet(&self) {
        let shared = self.shared;
        let meeting = shared.meeting.load(Ordering::Relaxed);
        if shared.arrived.0.fetch_add(1, Ordering::AcqRel) + 1 == self.count {
            shared.arrived.0.store(0, Ordering::Relaxed);
            shared.meeting.store(meeting.wrapping_add(1), Ordering::Release);
            return;
        }
        wait_until(|| {
            if shared.broken.load(Ordering::Relaxed) {
                resume_unwind(Box::new(Broken));
            }
            shared.meeting.load(Ordering::Acquire) != meeting
        });
    }
}

impl Shared {
    fn new() -> Self {
        Self {
            epoch: AtomicU32::new(0),
            stop: AtomicBool::new(false),
            job: UnsafeCell::new(None),
            running: Apart(AtomicUsize::new(0)),
            arrived: Apart(AtomicUsize::new(0)),
            meeting: AtomicU32::new(0),
            broken: AtomicBool::new(false),
            panic: Mutex::new(None),
        }
    }

    /// The life of a worker.
    fn work(&self, index: usize, count: usize) {
        let mut seen = 0;
        loop {
            self.await_epoch(seen);
            seen = seen.wrapping_add(1);
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            // SAFETY: `run` wrote `job` before the bump that was just seen, and writes it again
            // only after `running` was counted down below.
            let job = unsafe { (*self.job.get()).expect("a bump without `stop` brings a job") };
            // SAFETY: `run` keeps its borrow of the job until `running` is zero.
            self.join_in(unsafe { &*job }, index, count);
            self.running.0.fetch_sub(1, Ordering::Release);
        }
    }

    /// Returns when `epoch` is no longer `seen`: spins, then sleeps.
    fn await_epoch(&self, seen: u32) {
        let start = Instant::now();
        while self.epoch.load(Ordering::Acquire) == seen {
            if start.elapsed() > PATIENCE {
                // A wake-up since the last look makes this return at once.
                thread::park();
                continue;
            }
            for _ in 0..SPINS {
                if self.epoch.load(Ordering::Relaxed) != seen {
                    break;
                }
                hint::spin_loop();
            }
        }
    }

    /// Does one member's part; keeps the first panic.
    fn join_in(&self, job: &Job<'_>, index: usize, count: usize) {
        let member = Member { index, count, shared: self };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| job(member))) {
            if !panic.is::<Broken>() {
                let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(panic);
            }
            self.broken.store(true, Ordering::Relaxed);
        }
    }
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let mut spins = 0;
    while !done() {
        spins += 1;
        if spins < SPINS { hint::spin_loop() } else { thread::yield_now() }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;
    use crate::{
        Backend,
        cpu::{Cpu, Precision},
    };

    const THREADS: [usize; 3] = [1, 2, 5];

    #[test]
    fn what_all_count_shares_no_line_with_what_is_looked_at() {
        let looked_at = [
            offset_of!(Shared, epoch),
            offset_of!(Shared, stop),
            offset_of!(Shared, meeting),
            offset_of!(Shared, broken),
        ];
        let line = |at: usize| at / align_of::<Shared>();
        assert_eq!(align_of::<Shared>(), 128);
        for counted in [offset_of!(Shared, running), offset_of!(Shared, arrived)] {
            assert!(looked_at.iter().all(|it| line(*it) != line(counted)), "{counted}");
        }
    }

    #[test]
    fn every_member_runs_once() {
        for threads in THREADS {
            let mut pool = Pool::new(threads).expect("a few threads");
            for _ in 0..100 {
                let counts: Vec<_> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
                pool.run(&|member| {
                    assert_eq!(member.count, threads);
                    counts[member.index].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|n| n.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn after_a_meeting_all_see_what_was_before() {
        for threads in THREADS {
            let mut pool = Pool::new(threads).expect("a few threads");
            let steps = AtomicUsize::new(0);
            pool.run(&|member| {
                for n in 1..200 {
                    steps.fetch_add(1, Ordering::Relaxed);
                    member.meet();
                    assert_eq!(steps.load(Ordering::Relaxed), n * threads);
                    member.meet();
                }
            });
        }
    }

    /// So they start no threads, and those that there are live as long as one of them.
    #[test]
    fn backends_beside_one_another_have_one_pool() {
        let config = Config { threads: 3, ..Config::detect() };
        let cpu = Cpu::new(config).expect("a few threads");
        let sharers = || Arc::strong_count(&cpu.pool);
        assert_eq!(sharers(), 1);
        let beside = cpu.beside();
        let further = beside.beside();
        let exact = cpu.beside_in(Precision::Exact);
        assert_eq!(sharers(), 4);
        assert_eq!(beside.info().name, cpu.info().name);
        assert_eq!(*exact.config(), Config { precision: Precision::Exact, ..config });
        drop((beside, further, exact));
        assert_eq!(sharers(), 1);
        let pool = cpu.pool.lock().expect("no run panicked");
        assert_eq!(pool.threads(), 3);
        // Its own share, and one a worker.
        assert_eq!(Arc::strong_count(&pool.shared), 3);
    }

    #[test]
    fn a_sleeping_worker_wakes() {
        let mut pool = Pool::new(3).expect("a few threads");
        for _ in 0..3 {
            let ran = AtomicUsize::new(0);
            pool.run(&|_| _ = ran.fetch_add(1, Ordering::Relaxed));
            assert_eq!(ran.into_inner(), 3);
            let start = Instant::now();
            while start.elapsed() < 3 * PATIENCE {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives() {
        for threads in THREADS {
            let mut pool = Pool::new(threads).expect("a few threads");
            for culprit in [0, threads - 1] {
                let run = AssertUnwindSafe(|| {
                    pool.run(&|member| {
                        member.meet();
                        assert_ne!(member.index, culprit, "as the test wants");
                        member.meet();
                    });
                });
                let panic = catch_unwind(run).expect_err("one member panicked");
                let text = panic.downcast_ref::<String>().expect("a formatted message");
                assert!(text.contains("as the test wants"), "{text}");
                let ran = AtomicUsize::new(0);
                pool.run(&|member| {
                    member.meet();
                    ran.fetch_add(1, Ordering::Relaxed);
                });
                assert_eq!(ran.into_inner(), threads);
            }
        }
    }
}
