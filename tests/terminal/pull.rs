//! `ingle pull` at a terminal: a token that is asked for, a bar that shows how far it is, and Ctrl-C.

use ingle_tests::{binary::Place, parrot};

use super::{
    CTRL_C,
    fake::{Fake, Repository, TOKEN},
    screen::Terminal,
};

const NAME: &str = "org/model";
const HERE: &str = "`org/model:Q4_K_M` is here; `ingle run org/model` chats with it, offline";
const QUESTION: &str = "(it is not shown, and not kept), or press Enter:";

/// A hub, and a person who asks it.
struct Desk {
    fake: Fake,
    place: Place,
}

impl Desk {
    fn new(repository: Repository) -> Self {
        let fake = Fake::new();
        fake.add(NAME, repository);
        Self { fake, place: Place::new() }
    }

    /// Types `ingle pull`, with these flags.
    fn pull(&self, flags: &[&str]) -> Terminal {
        let home = self.place.path().join("no-token").display().to_string();
        let environment = [
            ("HF_ENDPOINT", self.fake.hub.as_str()),
            ("HF_HOME", &home),
            ("HF_TOKEN", ""),
            ("HTTP_PROXY", ""),
            ("http_proxy", ""),
            ("ALL_PROXY", ""),
            ("all_proxy", ""),
        ];
        let args = [&["pull", NAME][..], flags].concat();
        Terminal::start_in_shell(&self.place, &args, &environment)
    }
}

fn repository() -> Repository {
    Repository::new([("m-Q4_K_M.gguf", parrot::file())])
}

fn gated() -> Repository {
    Repository { is_gated: true, ..repository() }
}

#[test]
fn the_token_of_a_gated_model_is_asked_for_used_and_not_shown() {
    let desk = Desk::new(gated());
    let mut terminal = desk.pull(&[]);
    terminal.wait_for(QUESTION);
    terminal.send(TOKEN);
    terminal.send("\r");
    terminal.wait_for_line(HERE);
    terminal.assert_left_whole(0);
    assert!(!terminal.text().contains(TOKEN), "{}", terminal.text());
    let seen = desk.fake.seen();
    let seen: Vec<_> = seen.iter().filter(|it| it.at == "hub").collect();
    // What there is was shown to everybody; the first file was refused.
    let refused = seen.iter().position(|it| it.path.contains("/resolve/")).expect("it was asked");
    let (before, after) = seen.split_at(refused + 1);
    assert!(before.iter().all(|it| it.token.is_none()), "{seen:?}");
    let bearer = format!("Bearer {TOKEN}");
    assert!(!after.is_empty(), "{seen:?}");
    assert!(after.iter().all(|it| it.token.as_ref() == Some(&bearer)), "{seen:?}");
}

#[test]
fn whoever_has_no_token_presses_enter() {
    let desk = Desk::new(gated());
    let mut terminal = desk.pull(&[]);
    terminal.wait_for(QUESTION);
    terminal.send("\r");
    terminal.wait_for("does not open `org/model` to visitors without a token (status 401)");
    terminal.wait_for("hint: if it exists, accept its licence at");
    terminal.assert_left_whole(1);
}

#[test]
fn ctrl_c_at_the_question_for_a_token_leaves() {
    let desk = Desk::new(gated());
    let mut terminal = desk.pull(&[]);
    terminal.wait_for(QUESTION);
    terminal.send(CTRL_C);
    // 128 and the number of the signal.
    terminal.assert_left_whole(130);
    let seen = desk.fake.seen();
    assert!(seen.iter().all(|it| it.at == "hub" && it.token.is_none()), "{seen:?}");
    assert_eq!(seen.iter().filter(|it| it.path.contains("/resolve/")).count(), 1, "{seen:?}");
}

/// Where there is no terminal, lines tell it: a test of the hub holds them.
#[test]
fn how_far_it_is_shows_as_a_bar_that_goes_away() {
    let desk = Desk::new(repository());
    let terminal = desk.pull(&["--limit-rate", "300K"]);
    terminal.wait_until("a bar", |text| {
        let bar = text.lines().find(|it| it.contains('░'));
        bar.is_some_and(|it| it.contains(" of 786.") && it.ends_with(" left"))
    });
    terminal.wait_for_line(HERE);
    terminal.assert_left_whole(0);
    let text = terminal.text();
    assert!(!text.contains(['█', '░', '%']), "{text}");
}

#[test]
fn ctrl_c_stops_a_pull_and_the_same_command_goes_on() {
    let desk = Desk::new(repository());
    let mut terminal = desk.pull(&["--limit-rate", "64K"]);
    terminal.wait_until("a bar that grows", |text| text.contains('█'));
    terminal.send(CTRL_C);
    terminal.wait_for_line("error: stopped; what came so far is kept");
    terminal.wait_for_line("hint: the same command goes on from here");
    terminal.assert_left_whole(1);
    let terminal = desk.pull(&[]);
    terminal.wait_for(" of 786.2 KiB are here already");
    terminal.wait_for_line(HERE);
    terminal.assert_left_whole(0);
}
