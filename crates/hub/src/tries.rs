//! What to do after something went wrong: ask the next mirror; when all were asked, wait and begin
//! again, as long as that makes sense.

use crate::{Endpoint, Error, Settings, Watch, rate};

/// The tries of one thing.
pub(crate) struct Tries<'a> {
    settings: &'a Settings,
    watch: &'a dyn Watch,
    /// The mirror to ask now, counted from `first`.
    at: usize,
    first: usize,
    rounds: u32,
    most: usize,
    /// Of this round: the first error, and whether any may pass.
    error: Option<Error>,
    passing: bool,
}

impl<'a> Tries<'a> {
    /// Begins with mirror `first`.
    pub(crate) fn new(settings: &'a Settings, watch: &'a dyn Watch, first: usize) -> Self {
        let most = settings.patience.rounds;
        Self { settings, watch, at: 0, first, rounds: 0, most, error: None, passing: false }
    }

    /// For what comes first: who is not online wants to hear so soon.
    pub(crate) fn of_first(settings: &'a Settings, watch: &'a dyn Watch) -> Self {
        let most = settings.patience.rounds.min(3);
        Self { most, ..Self::new(settings, watch, 0) }
    }

    /// Which mirror to ask now.
    pub(crate) fn mirror(&self) -> usize {
        (self.first + self.at) % self.settings.endpoints.len()
    }

    /// Its address.
    pub(crate) fn endpoint(&self) -> &'a Endpoint {
        &self.settings.endpoints[self.mirror()]
    }

    /// Something came: the tries are counted anew.
    pub(crate) fn progressed(&mut self) {
        self.rounds = 0;
    }

    /// After `error`, returns when it is time to try again.
    ///
    /// # Errors
    ///
    /// If there is no point in that, the first error of the last round; if somebody asked to stop,
    /// that.
    pub(crate) fn after(&mut self, error: Error) -> Result<(), Error> {
        if !error.is_of_server() {
            return Err(error);
        }
        if self.watch.stop() {
            return Err(Error::Stopped);
        }
        self.passing |= error.is_passing();
        let asked = error.wait();
        self.at += 1;
        if self.at < self.settings.endpoints.len() {
            self.watch.note(&format!("{error}; asking `{}`", self.endpoint()));
            self.error.get_or_insert(error);
            return Ok(());
        }
        let error = self.error.take().unwrap_or(error);
        let patience = &self.settings.patience;
        self.rounds += 1;
        let pause =
            asked.unwrap_or_default().max(patience.pause * (1 << (self.rounds - 1).min(10)));
        let too_long = asked.is_some_and(|it| it > patience.longest_pause);
        if !self.passing || too_long || self.rounds as usize >= self.most {
            return Err(error);
        }
        (self.at, self.passing) = (0, false);
        let pause = pause.min(patience.longest_pause);
        self.watch.note(&format!("{error}; trying again in {:.0} s", pause.as_secs_f64().ceil()));
        rate::rest(pause, || self.watch.stop());
        if self.watch.stop() { Err(Error::Stopped) } else { Ok(()) }
    }
}
