//! From the bytes of sampled tokens to text that can be shown: whole characters only, and nothing
//! that may turn out to be the beginning of a stop string.

/// The text of one answer, as it grows.
#[derive(Debug)]
pub struct Output {
    stops: Vec<String>,
    /// Not shown yet: a character's first bytes, or what a stop string may begin with.
    held: Vec<u8>,
}

/// What a token adds to the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// May be empty.
    pub text: String,
    /// The stop string that ends the answer; it is not part of the text.
    pub stopped: Option<String>,
}

impl Output {
    /// An answer that ends before the first of `stops`; empty ones are left out.
    pub fn new(stops: Vec<String>) -> Self {
        Self { stops: stops.into_iter().filter(|it| !it.is_empty()).collect(), held: Vec::new() }
    }

    /// Appends a token's bytes. Nothing may be pushed after a stop.
    pub fn push(&mut self, piece: &[u8]) -> Chunk {
        self.held.extend_from_slice(piece);
        let first = self.stops.iter().filter_map(|it| Some((find(&self.held, it.as_bytes())?, it)));
        let first = first.min_by_key(|(at, stop)| (*at, stop.len()));
        if let Some((at, stop)) = first.map(|(at, stop)| (at, stop.clone())) {
            self.held.truncate(at);
            return Chunk { text: self.finish(), stopped: Some(stop) };
        }
        let begun = self.stops.iter().map(|it| begun(&self.held, it.as_bytes())).max();
        let free = self.held.len() - begun.unwrap_or(0);
        Chunk { text: self.take(free - unfinished(&self.held[..free])), stopped: None }
    }

    /// What is still held, when no more tokens come.
    pub fn finish(&mut self) -> String {
        self.take(self.held.len())
    }

    /// The first `n` bytes held; what is not UTF-8 becomes U+FFFD.
    fn take(&mut self, n: usize) -> String {
        let rest = self.held.split_off(n);
        let taken = std::mem::replace(&mut self.held, rest);
        String::from_utf8_lossy(&taken).into_owned()
    }
}

/// How many bytes at the end of `text` a stop string could begin with.
fn begun(text: &[u8], stop: &[u8]) -> usize {
    let longest = text.len().min(stop.len() - 1);
    (1..=longest).rev().find(|&n| text.ends_with(&stop[..n])).unwrap_or(0)
}

/// How many bytes at the end of `text` are the beginning of a character.
fn unfinished(text: &[u8]) -> usize {
    for n in 1..=text.len().min(3) {
        let bytes = match text[text.len() - n] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => return 0,
        };
        return if bytes > n { n } else { 0 };
    }
    0
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|it| it == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes `pieces`; the chunks' texts between bars, then what stopped or what was left.
    fn run(stops: &[&str], pieces: &[&[u8]]) -> String {
        let mut output = Output::new(stops.iter().map(|it| (*it).to_owned()).collect());
        let mut shown = String::new();
        for piece in pieces {
            let chunk = output.push(piece);
            shown += &chunk.text;
            if let Some(stop) = chunk.stopped {
                return format!("{shown} stopped by {stop}");
            }
            shown.push('|');
        }
        shown + &output.finish()
    }

    #[test]
    fn a_character_cut_across_tokens_waits_for_its_end() {
        let (a, b) = "🙂".as_bytes().split_at(1);
        let (b, c) = b.split_at(2);
        assert_eq!(run(&[], &[b"hi ", a, b, c, b"!"]), "hi |||🙂|!|");
    }

    #[test]
    fn bytes_that_are_no_character_are_replaced() {
        assert_eq!(run(&[], &[b"a\xff", b"b\xe2\x82", b"c"]), "a\u{fffd}|b|\u{fffd}c|");
        assert_eq!(run(&[], &[b"\xf0\x9f"]), "|\u{fffd}");
    }

    #[test]
    fn a_stop_string_across_tokens_is_never_shown() {
        assert_eq!(run(&["<end>"], &[b"yes <", b"en", b"d> no"]), "yes || stopped by <end>");
        assert_eq!(run(&["<end>"], &[b"a <e", b"x"]), "a |<ex|");
        assert_eq!(run(&["ab", "b"], &[b"xab"]), "x stopped by ab");
        assert_eq!(run(&["aab"], &[b"aaa", b"b"]), "a| stopped by aab");
        assert_eq!(run(&["\n\n", ""], &[b"one\n", b"\ntwo"]), "one| stopped by \n\n");
    }

    #[test]
    fn what_was_held_for_a_stop_is_shown_at_the_end() {
        assert_eq!(run(&["User:"], &[b"ok Us"]), "ok |Us");
    }
}
