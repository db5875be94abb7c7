//! What a draft brings: beginnings of texts are gone on with greedily, without its guesses and with
//! them. Both write the same, so that their speeds compare. How often a guess is right depends on
//! the text: of any tokens, which do for other tests, it would say nothing.

use engine::{
    Info, Prompt, Tokenizer,
    tokenizer::{self, Bos},
};
use serde::Serialize;

use super::{
    identity,
    label::DRAFT,
    measure::{Sample, Test},
    table::{Row, kind},
};
use crate::{draft::Draft, failure::Failure, numbers::grouped};

/// How a story, a program and an explanation begin.
const TEXTS: [&str; 3] = [
    "The keeper of the lighthouse had spoken to nobody for three weeks when",
    "def count_words(path):\n    \"\"\"How often each word of a file occurs.\"\"\"\n",
    "A refrigerator keeps food cold because",
];

/// Tokens that a beginning has at most, in whatever vocabulary.
pub(super) const MOST: usize = 128;

/// A draft, and how many tokens it may guess at a time.
#[derive(Clone, Copy)]
pub(super) struct Guesser<'a> {
    pub(super) draft: &'a Draft,
    pub(super) most: usize,
}

/// How often a draft guessed, and was right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Guesses {
    pub(super) made: usize,
    pub(super) right: usize,
}

/// A text that is gone on with.
pub(super) struct Text {
    pub(super) beginning: Vec<u32>,
    /// What came after it.
    rest: Vec<u32>,
}

/// What results say of texts and of who guessed; nothing where any tokens did.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Speculation {
    n_texts: Option<usize>,
    draft_filename: Option<String>,
    draft_type: Option<String>,
    /// As `model_facts`.
    draft_facts: Option<String>,
    /// The most that it may guess at a time.
    draft_max: Option<usize>,
    /// Tokens that it guessed in one repetition.
    drafted_tokens: Option<usize>,
    /// Of these, the right ones.
    accepted_tokens: Option<usize>,
}

impl Text {
    /// All of them, for the model of this tokenizer.
    ///
    /// # Errors
    ///
    /// If the tokenizer fails on one.
    pub(super) fn all(tokenizer: &Tokenizer) -> Result<Vec<Self>, tokenizer::Error> {
        let begin = |text: &str| -> Result<Self, tokenizer::Error> {
            let beginning = tokenizer.encode(&Prompt::foreign(text), Bos::AsModel)?;
            Ok(Self { beginning, rest: Vec::new() })
        };
        TEXTS.into_iter().map(begin).collect()
    }

    /// Takes in what came after the beginning.
    ///
    /// # Errors
    ///
    /// If it is another than before: then two speeds are not of the same text.
    pub(super) fn note(&mut self, rest: Vec<u32>) -> Result<(), Failure> {
        if rest.iter().zip(&self.rest).any(|(a, b)| a != b) {
            let failure = Failure::new("the text is another than before: guesses changed it");
            return Err(failure.hint("a kernel is wrong: report it, with what `ingle -V` prints"));
        }
        if rest.len() > self.rest.len() {
            self.rest = rest;
        }
        Ok(())
    }
}

impl Speculation {
    /// Of this draft, which is loaded as `info` says.
    pub(super) fn by(guesser: Guesser<'_>, info: &Info) -> Self {
        let Guesser { draft, most } = guesser;
        Self {
            draft_filename: Some(draft.name.clone()),
            draft_type: Some(kind(&draft.file, info)),
            draft_facts: Some(identity::facts(&draft.file)),
            draft_max: Some(most),
            ..Self::default()
        }
    }

    /// What of it is said of a test that was measured so.
    pub(super) fn of(&self, test: Test, samples: &[Sample]) -> Self {
        let n_texts = Some(TEXTS.len());
        match test {
            Test::Prompt { .. } | Test::Generate { .. } => Self::default(),
            Test::Text { .. } => Self { n_texts, ..Self::default() },
            Test::Drafted { .. } => {
                // Each repetition writes the same, and so guesses the same.
                let guesses = samples.first().map(|it| it.guesses);
                let drafted_tokens = guesses.map(|it| it.made);
                let accepted_tokens = guesses.map(|it| it.right);
                Self { n_texts, drafted_tokens, accepted_tokens, ..self.clone() }
            }
        }
    }

    /// What of it must be equal for two results to be comparable: the guesses, too, since these tell
    /// what no name or size does, how much of the text was foreseen.
    pub(super) fn parts(&self) -> Vec<(&'static str, String)> {
        let texts = self.n_texts.map(|_| TEXTS.concat());
        let most = self.draft_max.map(|it| it.to_string());
        let guesses = self.accepted_tokens.zip(self.drafted_tokens);
        let guesses = guesses.map(|(right, made)| format!("{right} of {made}"));
        let all = [
            ("texts", texts),
            ("draft", self.draft_facts.clone()),
            ("draft-max", most),
            ("guesses", guesses),
        ];
        all.into_iter().filter_map(|(name, part)| Some((name, part?))).collect()
    }
}

/// What a draft brought, for people: the speed of a test beside that of the one without guesses.
pub(super) fn told(row: &Row, rows: &[Row]) -> Option<String> {
    let it = &row.speculation;
    let name = it.draft_filename.as_ref()?;
    let (made, right) = (it.drafted_tokens?, it.accepted_tokens?);
    let is_without = |other: &Row| {
        let is_same_test = format!("{}{DRAFT}", other.label) == row.label;
        is_same_test && other.subject.n_threads == row.subject.n_threads
    };
    let times = row.speed() / rows.iter().find(|it| is_without(it))?.speed();
    let guesses = match made {
        0 => "it guessed nothing".to_owned(),
        _ => {
            let percent = 100.0 * right as f64 / made as f64;
            let [right, made] = [right, made].map(|it| grouped(it as u64));
            format!("{right} of its {made} guesses were right, {percent:.0}%")
        }
    };
    Some(format!("{times:.2} × as fast with `{name}`; {guesses}"))
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{row, sample},
        *,
    };

    #[test]
    fn no_vocabulary_makes_more_tokens_of_a_beginning() {
        for text in TEXTS {
            // A token a byte, in some vocabularies three for a space, and one that begins a text.
            let spaces = 1 + text.matches(' ').count();
            assert!(1 + text.len() + 3 * spaces <= MOST, "{text}");
        }
    }

    #[test]
    fn a_text_that_becomes_another_is_an_error() {
        let mut text = Text { beginning: vec![1], rest: Vec::new() };
        for rest in [&[5, 6][..], &[5, 6, 7], &[5], &[5, 6, 7, 8]] {
            assert!(text.note(rest.to_vec()).is_ok(), "{rest:?}");
        }
        assert!(text.note(vec![5, 6, 7, 9]).is_err());
    }

    #[test]
    fn what_a_draft_brought_is_held_beside_the_test_without_it() {
        let mut drafted = row(Test::Drafted { n: 128 }, 2);
        drafted.speculation = Speculation {
            draft_filename: Some("small.gguf".to_owned()),
            drafted_tokens: Some(1600),
            accepted_tokens: Some(1200),
            ..Speculation::default()
        };
        drafted.avg_ts *= 2.0;
        let alone = [row(Test::Text { n: 64 }, 2), row(Test::Text { n: 128 }, 2)];
        let told_of = |row: &Row| told(row, &alone);
        let expected =
            "2.00 × as fast with `small.gguf`; 1,200 of its 1,600 guesses were right, 75%";
        assert_eq!(told_of(&drafted).as_deref(), Some(expected));
        assert_eq!(told_of(&alone[1]), None);
        drafted.speculation.drafted_tokens = Some(0);
        let expected = "2.00 × as fast with `small.gguf`; it guessed nothing";
        assert_eq!(told_of(&drafted).as_deref(), Some(expected));
        drafted.subject.n_threads = 4;
        assert_eq!(told_of(&drafted), None);
    }

    #[test]
    fn guesses_make_another_result() {
        let by = Speculation { draft_facts: Some("1".to_owned()), ..Speculation::default() };
        let of = |test, right| {
            let guesses = Guesses { made: 9, right };
            by.of(test, &[Sample { guesses, ..sample(400.0) }]).parts()
        };
        let (text, drafted) = (Test::Text { n: 4 }, Test::Drafted { n: 4 });
        assert!(of(Test::Generate { n: 4, depth: 0, sequences: 1 }, 3).is_empty());
        assert_eq!(of(text, 3).iter().map(|it| it.0).collect::<Vec<_>>(), ["texts"]);
        let parts = [("draft", "1".to_owned()), ("guesses", "3 of 9".to_owned())];
        assert_eq!(of(drafted, 3)[1..], parts);
        assert_ne!(of(drafted, 3), of(drafted, 4));
    }
}
