//! What is to be fetched and what is there: where workers and checker meet.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use super::job::Job;
use crate::Error;

/// A part of a job, both by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) job: usize,
    pub(super) part: usize,
}

/// The parts of a round.
pub(super) struct Board {
    state: Mutex<State>,
    changed: Condvar,
    parts: usize,
}

struct State {
    todo: VecDeque<Part>,
    /// By job and part.
    done: Vec<Vec<bool>>,
    failure: Option<Error>,
    over: bool,
}

/// Ends a round whose thread panics: whoever waits for its part would wait for ever.
pub(super) struct Guard<'a>(pub(super) &'a Board);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.give_up();
        }
    }
}

impl Board {
    pub(super) fn new(jobs: &[Job]) -> Self {
        let done = |it: &Job| -> Vec<bool> {
            (0..it.parts.count()).map(|part| it.had_whole(part)).collect()
        };
        let done: Vec<_> = jobs.iter().map(done).collect();
        let parts = |(job, done): (usize, &Vec<bool>)| {
            let missing = done.iter().enumerate().filter(|it| !it.1);
            missing.map(|(part, _)| Part { job, part }).collect::<Vec<_>>()
        };
        let todo: VecDeque<Part> = done.iter().enumerate().flat_map(parts).collect();
        let (parts, changed) = (todo.len(), Condvar::new());
        Self { state: Mutex::new(State { todo, done, failure: None, over: false }), changed, parts }
    }

    /// How many there were to fetch.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }

    /// The next part to fetch, in order; `None` when nothing is left to do.
    pub(super) fn take(&self) -> Option<Part> {
        let mut state = self.lock();
        if state.over { None } else { state.todo.pop_front() }
    }

    /// The part is there.
    pub(super) fn done(&self, Part { job, part }: Part) {
        self.lock().done[job][part] = true;
        self.changed.notify_all();
    }

    /// Waits for the part; whether it is there, or there is no more to wait for.
    pub(super) fn wait(&self, job: usize, part: usize) -> bool {
        let waiting = |state: &mut State| !state.done[job][part] && !state.over;
        let state = self.changed.wait_while(self.lock(), waiting);
        !state.unwrap_or_else(PoisonError::into_inner).over
    }

    /// Nothing goes on; the first reason is kept. Whoever is told that it was stopped is told that what
    /// came is kept, so that any other takes the place of that one.
    pub(super) fn fail(&self, error: Error) {
        let mut state = self.lock();
        if matches!(state.failure, None | Some(Error::Stopped)) {
            state.failure = Some(error);
        }
        drop(state);
        self.give_up();
    }

    /// Nothing goes on.
    pub(super) fn give_up(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    /// Whether nothing goes on.
    pub(super) fn is_over(&self) -> bool {
        self.lock().over
    }

    /// Why nothing went on, if somebody said so; it is told once.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.lock().failure.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
