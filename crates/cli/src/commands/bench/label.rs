//! What a test is called in tables, results, comparisons and pictures: as llama-bench calls it, and
//! what it is of where that is not any tokens.

use std::fmt;

/// What is added where texts are gone on with.
const TEXT: &str = " text";

/// And what besides where a draft guesses.
pub(super) const DRAFT: &str = " + draft";

/// What the name of a test is made of. Nothing is said of what is 0, nor of a sequence alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Label {
    /// Tokens of the prompt.
    pub(super) n_prompt: u64,
    /// Tokens that are generated.
    pub(super) n_gen: u64,
    /// Tokens before them.
    pub(super) depth: u64,
    /// Sequences at once.
    pub(super) sequences: u64,
    /// Whether texts are gone on with.
    pub(super) is_of_texts: bool,
    /// Whether a draft guesses.
    pub(super) is_drafted: bool,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.n_prompt, self.n_gen) {
            (n, 0) => write!(f, "pp{n}")?,
            (0, n) => write!(f, "tg{n}")?,
            (n_prompt, n_gen) => write!(f, "pp{n_prompt}+tg{n_gen}")?,
        }
        if self.sequences > 1 {
            write!(f, " x {}", self.sequences)?;
        }
        if self.depth > 0 {
            write!(f, " @ d{}", self.depth)?;
        }
        f.write_str(if self.is_of_texts { TEXT } else { "" })?;
        f.write_str(if self.is_drafted { DRAFT } else { "" })
    }
}

/// How many threads computed.
pub(super) fn threads(n: u64) -> String {
    match n {
        1 => "1 thread".to_owned(),
        n => format!("{n} threads"),
    }
}

/// The same behind a name.
pub(super) fn with_threads(name: &str, n: u64) -> String {
    format!("{name}, {}", threads(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(label: Label, expected: &str) {
        assert_eq!(label.to_string(), expected);
    }

    #[test]
    fn a_label_is_llama_benchs() {
        let prompt = Label { n_prompt: 512, ..Label::default() };
        let generation = Label { n_gen: 128, ..Label::default() };
        check(prompt, "pp512");
        check(generation, "tg128");
        check(Label { n_gen: 16, ..prompt }, "pp512+tg16");
        check(Label { depth: 4096, ..prompt }, "pp512 @ d4096");
        check(Label { sequences: 1, ..generation }, "tg128");
        check(Label { sequences: 4, ..generation }, "tg128 x 4");
        check(Label { sequences: 4, depth: 4096, ..generation }, "tg128 x 4 @ d4096");
    }

    #[test]
    fn a_label_says_what_is_gone_on_with_and_who_guesses() {
        let text = Label { n_gen: 128, is_of_texts: true, ..Label::default() };
        check(text, "tg128 text");
        check(Label { is_drafted: true, ..text }, "tg128 text + draft");
        assert_eq!(format!("{text}{DRAFT}"), Label { is_drafted: true, ..text }.to_string());
    }

    #[test]
    fn one_thread_is_no_threads() {
        assert_eq!(with_threads("pp8", 1), "pp8, 1 thread");
        assert_eq!(with_threads("pp8", 2), "pp8, 2 threads");
    }
}
