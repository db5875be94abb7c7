//! Ember's examination: questions that it never saw, put to the file that the binary holds.
//! `questions.toml` says how they are judged; `answers.md` has every answer, to be read.

mod formats;
mod held_out;
mod pupil;
mod split;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    slice,
};

use ember_forge::{School, Split};
use expect_test::expect_file;
use fastrand::Rng;
use serde::Deserialize;

use pupil::{Answer, Pupil};

/// Conversations drawn to know the words of the training data.
const DRAWN: usize = 30_000;

#[derive(Deserialize)]
struct Questions {
    question: Vec<Asked>,
    beyond: Vec<Asked>,
    talk: Vec<Talk>,
}

#[derive(Deserialize)]
struct Asked {
    ask: String,
    /// Each must occur in the answer; `a|b` is either.
    #[serde(default)]
    expect: Vec<String>,
}

#[derive(Deserialize)]
struct Talk {
    turns: Vec<Asked>,
}

fn questions() -> Questions {
    toml::from_str(include_str!("questions.toml")).expect("sound TOML")
}

impl Asked {
    fn is_met_by(&self, answer: &str) -> bool {
        let answer = answer.to_lowercase();
        let holds = |any: &str| answer.contains(&any.to_lowercase());
        self.expect.iter().all(|it| it.split('|').any(holds))
    }
}

/// What the answers to one kind of question come to.
#[derive(Default)]
struct Marks {
    met: usize,
    sound: usize,
    all: usize,
    /// Every question with its answer, as it is to be read.
    page: String,
}

impl Marks {
    fn mark(&mut self, ask: &str, answer: &Answer, met: bool, sound: bool) {
        self.met += usize::from(met);
        self.sound += usize::from(sound);
        self.all += 1;
        let missed = if met { "" } else { " **missed**" };
        let unsound = if sound { "" } else { " **unsound**" };
        self.page += &format!("\n> {ask}\n\n{}{missed}{unsound}\n", answer.text);
    }

    fn at_least(&self, met: f64, sound: f64) {
        let share = |n: usize| n as f64 / self.all as f64;
        let (a, b, all) = (self.met, self.sound, self.all);
        assert!(share(a) >= met && share(b) >= sound, "{a} met, {b} sound of {all}");
    }
}

#[test]
fn ember_knows_what_it_was_taught() {
    let Questions { question, beyond, talk } = questions();
    let mut pupil = Pupil::new(&pupil::file());
    let taught = Taught::draw();
    let [mut scope, mut demo, mut talks] = [(); 3].map(|()| Marks::default());
    for it in &question {
        let answer = pupil.answer(slice::from_ref(&it.ask));
        scope.mark(&it.ask, &answer, it.is_met_by(&answer.text), taught.is_sound(&it.ask, &answer));
    }
    for it in &beyond {
        let answer = pupil.answer(slice::from_ref(&it.ask));
        let met = answer.text.contains("demo") && answer.text.contains("`ingle run MODEL.gguf`");
        demo.mark(&it.ask, &answer, met, taught.is_sound(&it.ask, &answer));
    }
    for talk in &talk {
        let mut said = Vec::new();
        talks.page += "\n---\n";
        for it in &talk.turns {
            said.push(it.ask.clone());
            let answer = pupil.answer(&said);
            let sound = taught.is_sound(&said.join(" "), &answer);
            talks.mark(&it.ask, &answer, it.is_met_by(&answer.text), sound);
            said.push(answer.text);
        }
    }
    let mut page = "# Ember's answers to questions that it never saw\n".to_owned();
    let parts = [("In scope", &scope), ("Beyond a demo", &demo), ("Conversations", &talks)];
    for (title, Marks { met, sound, all, page: answers }) in parts {
        page += &format!("\n## {title}: {met} of {all} met, {sound} sound\n{answers}");
    }
    expect_file![Path::new(env!("CARGO_MANIFEST_DIR")).join("ember/answers.md")].assert_eq(&page);
    // Nine of ten are wanted everywhere: a training that reaches it raises these.
    scope.at_least(0.87, 0.95);
    demo.at_least(0.90, 0.95);
    talks.at_least(0.78, 0.95);
}

/// Words of the training data.
struct Taught(BTreeSet<String>);

impl Taught {
    fn draw() -> Self {
        let school = School::open().expect("sound topics");
        let mut rng = Rng::with_seed(1);
        let mut words = BTreeSet::new();
        for _ in 0..DRAWN {
            for turn in school.conversation(&mut rng, Split::Training).turns {
                words.extend(self::words(&turn.answer));
            }
        }
        Self(words)
    }

    /// It ended by itself, repeats no run of four words more than twice, and has no word but those
    /// of the training data and of the question.
    fn is_sound(&self, ask: &str, answer: &Answer) -> bool {
        let said: Vec<String> = words(&answer.text).collect();
        let mut runs = BTreeMap::<_, usize>::new();
        for run in said.windows(4) {
            *runs.entry(run).or_default() += 1;
        }
        let known: BTreeSet<String> = words(ask).collect();
        answer.ended
            && runs.values().all(|&n| n <= 2)
            && said.iter().all(|it| self.0.contains(it) || known.contains(it))
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let border = |it: char| !it.is_alphanumeric() && !"-/_'".contains(it);
    text.split(border).filter(|it| !it.is_empty()).map(str::to_lowercase)
}
