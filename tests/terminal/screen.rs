//! A program in a pseudo-terminal, and what its screen shows.
#![expect(clippy::unwrap_used, reason = "a test fails where its terminal does")]

use std::{
    io::{Read, Write},
    num::NonZero,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use ingle_tests::binary::{Place, ingle};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// A test that waits longer than this has failed.
const DEADLINE: Duration = Duration::from_secs(60);

const PROMPT: &str = ">";

/// `ingle` and its terminal.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    shared: Arc<Shared>,
}

struct Shared {
    parser: Mutex<Seen>,
    changed: Condvar,
}

struct Seen {
    parser: vt100::Parser,
    /// All that came, as it came.
    bytes: Vec<u8>,
    ended: bool,
}

/// What a program printed on a terminal until it ended.
pub(crate) struct Printed {
    pub(crate) exit_code: u32,
    /// Its lines; one that was wider than the terminal goes on in the next.
    pub(crate) lines: Vec<String>,
    /// Those that were wider.
    pub(crate) too_wide: Vec<String>,
    /// As it came.
    pub(crate) bytes: Vec<u8>,
}

impl Terminal {
    /// Starts `ingle` on a terminal of 24 rows and 80 columns.
    pub(crate) fn start(place: &Place, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(ingle());
        command.args(args);
        Self::with(command, (24, 80), place, environment)
    }

    /// Starts it in a shell, on a larger terminal, for [`assert_left_whole`](Self::assert_left_whole).
    pub(crate) fn start_in_shell(
        place: &Place,
        args: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut command = CommandBuilder::new("sh");
        // The shell hears Ctrl-C, too, and is to outlive it.
        command.args(["-c", "trap : INT; \"$@\"; echo \"exit $?\"; stty -a; echo end", "sh"]);
        command.arg(ingle());
        command.args(args);
        Self::with(command, (60, 120), place, environment)
    }

    /// What it prints on a terminal of so many columns; what it says beside that is not looked at.
    pub(crate) fn printed(
        place: &Place,
        args: &[&str],
        environment: &[(&str, &str)],
        columns: u16,
    ) -> Printed {
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", "exec \"$@\" 2>/dev/null", "sh"]);
        command.arg(ingle());
        command.args(args);
        // So many rows that none is lost.
        Self::with(command, (500, columns), place, environment).finish()
    }

    /// Starts it where a process that dies leaves as much of its memory as this system lets it.
    pub(crate) fn start_with_cores(place: &Place, args: &[&str]) -> Self {
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$@\"", "sh"]);
        command.arg(ingle());
        command.args(args);
        Self::with(command, (24, 80), place, &[])
    }

    /// Starts it under `strace`, which writes what it and its children do about sockets to `trace`.
    pub(crate) fn start_traced(
        place: &Place,
        args: &[&str],
        environment: &[(&str, &str)],
        trace: &Path,
    ) -> Self {
        let mut command = CommandBuilder::new("strace");
        command.args(["-f", "-qq", "-e", "trace=%network", "-o"]);
        command.arg(trace);
        command.arg(ingle());
        command.args(args);
        Self::with(command, (24, 80), place, environment)
    }

    fn with(
        mut command: CommandBuilder,
        (rows, columns): (u16, u16),
        place: &Place,
        environment: &[(&str, &str)],
    ) -> Self {
        let pair = native_pty_system().openpty(size(rows, columns)).unwrap();
        command.cwd(place.path());
        command.env_clear();
        for (name, value) in place.environment() {
            command.env(name, value);
        }
        command.env("TERM", "xterm-256color");
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let parser = vt100::Parser::new(nonzero(rows), nonzero(columns), 200);
        let seen = Seen { parser, bytes: Vec::new(), ended: false };
        let shared = Arc::new(Shared { parser: Mutex::new(seen), changed: Condvar::new() });
        let mut output = pair.master.try_clone_reader().unwrap();
        let reader = Arc::clone(&shared);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let n = output.read(&mut bytes).unwrap_or(0);
                let mut seen = reader.parser.lock().unwrap();
                seen.parser.process(&bytes[..n]);
                seen.bytes.extend(&bytes[..n]);
                seen.ended = n == 0;
                reader.changed.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { child, master: pair.master, keys, shared }
    }

    /// Presses these keys.
    pub(crate) fn send(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Types a line at the prompt and sends it.
    #[track_caller]
    pub(crate) fn say(&mut self, line: &str) {
        self.wait_for_prompt();
        self.send(line);
        self.wait_for_end(line);
        self.send("\r");
    }

    /// Changes the size, as a person who pulls at the window.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        self.master.resize(size(rows, columns)).unwrap();
        self.seen().parser.screen_mut().set_size(nonzero(rows), nonzero(columns));
    }

    /// Forgets what the screen shows, so that old text is not found again.
    pub(crate) fn clear(&mut self) {
        self.seen().parser.process(b"\x1b[2J\x1b[H> ");
    }

    /// What the screen shows, without the spaces at the ends of lines.
    pub(crate) fn text(&self) -> String {
        text(&self.seen().parser)
    }

    /// Waits until the screen shows `part`, which may be broken by the terminal, or between words by the
    /// program.
    #[track_caller]
    pub(crate) fn wait_for(&self, part: &str) {
        let shows = |text: &str, between| text.replace('\n', between).contains(part);
        self.wait_until(part, |text| shows(text, "") || shows(text, " "));
    }

    /// Waits for a line that is exactly `line`.
    #[track_caller]
    pub(crate) fn wait_for_line(&self, line: &str) {
        self.wait_until(line, |text| text.lines().any(|it| it == line));
    }

    /// Waits until the program asks for a line.
    #[track_caller]
    pub(crate) fn wait_for_prompt(&self) {
        self.wait_until("the prompt", |text| text.lines().last() == Some(PROMPT));
    }

    /// Waits until the last line ends with what was typed.
    #[track_caller]
    fn wait_for_end(&self, typed: &str) {
        self.wait_until(typed, |text| text.replace('\n', "").ends_with(typed));
    }

    /// Waits for a screen that `fits`.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, fits: impl Fn(&str) -> bool) {
        let end = Instant::now() + DEADLINE;
        let mut seen = self.seen();
        loop {
            let text = text(&seen.parser);
            if fits(&text) {
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !seen.ended, "no {what:?} on the screen:\n{text}");
            seen = self.shared.changed.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Fails unless `part` is on the screen now.
    #[track_caller]
    pub(crate) fn shows(&self, part: &str) {
        let text = self.text();
        assert!(text.contains(part), "no {part:?} on the screen:\n{text}");
    }

    /// Whether the first place that shows `part` is bold.
    pub(crate) fn is_bold(&self, part: &str) -> bool {
        self.style(part, vt100::Cell::bold)
    }

    /// Whether the first place that shows `part` is dim.
    pub(crate) fn is_dim(&self, part: &str) -> bool {
        self.style(part, vt100::Cell::dim)
    }

    /// Whether the first place that shows `part` is green.
    pub(crate) fn is_green(&self, part: &str) -> bool {
        self.style(part, |it| it.fgcolor() == vt100::Color::Idx(28))
    }

    /// The number of the process.
    pub(crate) fn process(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Leaves at the prompt with Ctrl-D.
    #[track_caller]
    pub(crate) fn leave(mut self) {
        self.wait_for_prompt();
        self.send("\x04");
        assert_eq!(self.exit_code(), 0);
    }

    /// Waits until the shell has said how the program left the terminal: it ended with this code, and
    /// the terminal echoes, reads lines, hears Ctrl-C and shows its cursor.
    #[track_caller]
    pub(crate) fn assert_left_whole(&self, code: u32) {
        self.wait_for_line("end");
        self.wait_for_line(&format!("exit {code}"));
        let text = self.text();
        let settings: Vec<_> = text.split_whitespace().collect();
        for setting in ["echo", "icanon", "isig", "icrnl", "opost"] {
            assert!(settings.contains(&setting), "no {setting}:\n{text}");
        }
        assert!(!self.seen().parser.screen().hide_cursor(), "no cursor:\n{text}");
    }

    /// Waits until the program ends.
    #[track_caller]
    pub(crate) fn exit_code(self) -> u32 {
        self.finish().exit_code
    }

    /// Waits until the program ends; all that it printed.
    #[track_caller]
    fn finish(mut self) -> Printed {
        let end = Instant::now() + DEADLINE;
        let mut seen = self.shared.parser.lock().unwrap();
        while !seen.ended {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it does not end:\n{}", text(&seen.parser));
            seen = self.shared.changed.wait_timeout(seen, left).unwrap().0;
        }
        let lines: Vec<String> = text(&seen.parser).lines().map(str::to_owned).collect();
        let is_wrapped = |row: &usize| seen.parser.screen().row_wrapped(*row as u16);
        let wrapped = (0..lines.len()).filter(is_wrapped);
        let too_wide = wrapped.map(|it| lines[it].clone()).collect();
        let bytes = seen.bytes.clone();
        drop(seen);
        let exit_code = self.child.wait().unwrap().exit_code();
        Printed { exit_code, lines, too_wide, bytes }
    }

    fn style(&self, part: &str, is: impl Fn(&vt100::Cell) -> bool) -> bool {
        let seen = self.seen();
        let screen = seen.parser.screen();
        let (_, columns) = screen.size();
        for (row, line) in screen.rows(0, columns.get()).enumerate() {
            if line.starts_with('>') {
                continue;
            }
            if let Some(at) = line.find(part) {
                let column = line[..at].chars().count() as u16;
                return screen.cell(row as u16, column).is_some_and(is);
            }
        }
        panic!("no {part:?} on the screen");
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.parser.lock().unwrap()
    }
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn text(parser: &vt100::Parser) -> String {
    let (_, columns) = parser.screen().size();
    let rows = parser.screen().rows(0, columns.get());
    let lines: Vec<_> = rows.map(|it| it.trim_end().to_owned()).collect();
    lines.join("\n").trim_end().to_owned()
}

fn nonzero(n: u16) -> NonZero<u16> {
    NonZero::new(n).expect("a terminal has rows and columns")
}
