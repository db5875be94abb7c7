//! How far the next tokens of a sequence are guessed: further after success, not at all for a while
//! after misses. Who guesses is in `lookup` and in `draft`.

/// The first guesses: with the last token four rows, which kernels multiply at once.
const FIRST: usize = 3;

/// Tokens without a guess after misses, at most two to this power.
const PATIENCE: u32 = 5;

/// How far one of those who guess does so for one sequence.
#[derive(Debug)]
pub(crate) struct Reach {
    most: usize,
    next: usize,
    misses: u32,
    pause: u32,
}

impl Reach {
    /// At most so many tokens at a time.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, next: FIRST.min(most), misses: 0, pause: 0 }
    }

    /// Whether anything is ever guessed.
    pub(crate) fn is_none(&self) -> bool {
        self.most == 0
    }

    /// How many tokens to guess now, at most `room`.
    pub(crate) fn take(&mut self, room: usize) -> usize {
        let n = self.next.min(room);
        if n > 0 && self.pause > 0 {
            self.pause -= 1;
            return 0;
        }
        n
    }

    /// Of so many guesses so many were right: more of them come after success, none for a while
    /// after misses.
    pub(crate) fn learn(&mut self, guesses: usize, right: usize) {
        if guesses == 0 {
            return;
        }
        if right == guesses {
            self.next = (2 * self.next + 1).min(self.most);
        } else {
            self.next = FIRST.min(self.most);
        }
        if right == 0 {
            self.misses = (self.misses + 1).min(PATIENCE);
            self.pause = 1 << self.misses;
        } else {
            self.misses = 0;
        }
    }
}
