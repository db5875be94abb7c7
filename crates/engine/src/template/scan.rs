//! The least of Jinja's grammar that `rewrite.rs` needs: where strings and brackets are.

/// Walks over the characters of an expression that are in no string.
pub(super) struct Scan<'a> {
    chars: std::iter::Skip<std::str::CharIndices<'a>>,
    depth: usize,
}

/// Where a character is.
pub(super) struct Place {
    /// Byte offset in the text.
    pub(super) at: usize,
    /// How many brackets are open before it.
    pub(super) depth: usize,
}

impl<'a> Scan<'a> {
    /// Begins after `skip` characters.
    pub(super) fn new(text: &'a str, skip: usize) -> Self {
        Self { chars: text.char_indices().skip(skip), depth: 0 }
    }

    fn skip_string(&mut self, quote: char) {
        while let Some((_, c)) = self.chars.next() {
            match c {
                '\\' if self.chars.next().is_none() => return,
                c if c == quote => return,
                _ => {}
            }
        }
    }
}

impl Iterator for Scan<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let (at, c) = self.chars.next()?;
        let place = Place { at, depth: self.depth };
        match c {
            '"' | '\'' => self.skip_string(c),
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Some(place)
    }
}

impl Place {
    /// Whether this is the `=` of an assignment.
    pub(super) fn assigns(&self, text: &str) -> bool {
        let (before, after) = text.split_at(self.at);
        after.starts_with('=')
            && !after.starts_with("==")
            && !before.ends_with(['=', '!', '<', '>'])
    }

    /// Whether `word` begins here and is a whole word.
    pub(super) fn is_word(&self, text: &str, word: &str) -> bool {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let (before, after) = text.split_at(self.at);
        after.strip_prefix(word).is_some_and(|rest| !rest.starts_with(part))
            && !before.ends_with(part)
    }

    /// Whether this is the `*` of a product.
    pub(super) fn multiplies(&self, text: &str) -> bool {
        let (before, after) = text.split_at(self.at);
        let operand = |c: char| c.is_alphanumeric() || "_)]}'\"".contains(c);
        after.starts_with('*') && !after.starts_with("**") && before.trim_end().ends_with(operand)
    }

    /// Whether a factor of a product ends here.
    pub(super) fn ends_factor(&self, text: &str) -> bool {
        const WORDS: [&str; 8] = ["if", "else", "and", "or", "in", "not", "is", "recursive"];
        text[self.at..].starts_with(|c: char| "+-*/%~,)]}=!<>:".contains(c))
            || WORDS.iter().any(|word| self.is_word(text, word))
    }
}
