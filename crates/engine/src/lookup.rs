//! Guesses at what comes next, from what was said before.
//!
//! Where the last tokens of a sequence stood once before, what followed them there may follow
//! again: names, code that is changed a little, a text that is quoted. A step computes the guesses
//! beside the last token and keeps those that the sampler chooses as well, so that the text is the
//! one without them, token for token. Saxena: "Prompt lookup decoding", 2023.

use crate::reach::Reach;

/// Tokens that must be alike before a guess.
const ALIKE: usize = 3;

/// Of more it is not asked how many are alike.
const ENOUGH: usize = 16;

/// Guesses at the tokens of one sequence.
#[derive(Debug)]
pub(crate) struct Lookup {
    reach: Reach,
}

impl Lookup {
    /// At most so many tokens at a time.
    pub(crate) fn new(most: usize) -> Self {
        Self { reach: Reach::new(most) }
    }

    /// Puts at most `room` tokens that may follow `tokens` into `guesses`.
    pub(crate) fn guess(&mut self, tokens: &[u32], room: usize, guesses: &mut Vec<u32>) {
        guesses.clear();
        let n = self.reach.take(room);
        if n == 0 {
            return;
        }
        if let Some(end) = before(tokens) {
            let again = tokens[end..].iter().cycle();
            guesses.extend(again.take(n));
        }
    }

    /// Of so many guesses so many were right.
    pub(crate) fn learn(&mut self, guesses: usize, right: usize) {
        self.reach.learn(guesses, right);
    }
}

/// Where the most of the last tokens stood before, the latest such place: the end of that part.
fn before(tokens: &[u32]) -> Option<usize> {
    let alike = |end: usize| {
        let pairs = tokens[..end].iter().rev().zip(tokens.iter().rev());
        pairs.take(ENOUGH).take_while(|(a, b)| a == b).count()
    };
    let mut best = (ALIKE - 1, None);
    for end in (ALIKE..tokens.len()).rev() {
        let alike = alike(end);
        if alike > best.0 {
            best = (alike, Some(end));
        }
        if alike == ENOUGH {
            break;
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(tokens: &[u32], most: usize, room: usize) -> Vec<u32> {
        let mut guesses = vec![99];
        let mut lookup = Lookup::new(most);
        lookup.learn(1, 1);
        lookup.guess(tokens, room, &mut guesses);
        guesses
    }

    #[test]
    fn what_followed_the_longest_part_alike_is_guessed() {
        let tokens = [9, 1, 2, 3, 4, 5, 8, 1, 2, 3, 6, 9, 1, 2, 3];
        assert_eq!(guessed(&tokens, 7, 3), [4, 5, 8]);
        let latest = [1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3];
        assert_eq!(guessed(&latest, 7, 2), [5, 1]);
    }

    #[test]
    fn a_part_that_repeats_itself_goes_on() {
        assert_eq!(guessed(&[5, 7, 5, 7, 5, 7], 7, 7), [5, 7, 5, 7, 5, 7, 5]);
        assert_eq!(guessed(&[4; 40], 7, 7), [4; 7]);
    }

    #[test]
    fn what_is_new_is_not_guessed() {
        for tokens in [&[][..], &[1], &[1, 2, 3, 4, 5], &[1, 2, 9, 1, 2], &[1, 2, 3]] {
            assert_eq!(guessed(tokens, 7, 7), [0; 0], "{tokens:?}");
        }
        assert_eq!(guessed(&[1; 9], 0, 7), [0; 0]);
        assert_eq!(guessed(&[1; 9], 7, 0), [0; 0]);
    }

    #[test]
    fn success_reaches_further_and_misses_pause() {
        let mut lookup = Lookup::new(15);
        let count = |lookup: &mut Lookup| {
            let mut guesses = vec![];
            lookup.guess(&[1; 40], 100, &mut guesses);
            guesses.len()
        };
        assert_eq!(count(&mut lookup), 3);
        lookup.learn(3, 3);
        assert_eq!(count(&mut lookup), 7);
        lookup.learn(7, 7);
        lookup.learn(15, 15);
        assert_eq!(count(&mut lookup), 15);
        lookup.learn(15, 2);
        assert_eq!(count(&mut lookup), 3);
        lookup.learn(3, 0);
        assert_eq!([(); 3].map(|()| count(&mut lookup)), [0, 0, 3]);
        (0..40).for_each(|_| lookup.learn(3, 0));
        assert_eq!((0..32).map(|_| count(&mut lookup)).sum::<usize>(), 0);
        assert_eq!(count(&mut lookup), 3);
    }
}
