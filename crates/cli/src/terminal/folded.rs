//! Lines that are longer than a terminal is wide, broken between words: a terminal itself breaks them
//! in the middle of one.

use unicode_width::UnicodeWidthStr;

/// On narrower ones a broken line is no easier to read.
const LEAST: usize = 20;

/// `text` in lines of at most `width` columns where its words allow.
pub(super) fn folded(text: &str, width: usize) -> String {
    if width < LEAST {
        return text.to_owned();
    }
    let mut folded = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        fold(&mut folded, line, width);
    }
    folded
}

/// Writes a line, and its end if it has one. What follows a break stands below what it goes on.
fn fold(folded: &mut String, line: &str, width: usize) {
    let indent: String = line.chars().take_while(|&it| it == ' ').collect();
    let mut column = 0;
    for word in line.split_inclusive(' ') {
        let wide = word.trim_end().width();
        if column > indent.len() && column + wide > width {
            let kept = folded.trim_end_matches(' ').len();
            folded.truncate(kept);
            folded.push('\n');
            *folded += &indent;
            column = indent.len();
        }
        *folded += word;
        column += word.trim_end_matches('\n').width();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        let check = |text, expected| assert_eq!(folded(text, 20), expected);
        check("note: short\n", "note: short\n");
        check("twenty columns: 1234\n", "twenty columns: 1234\n");
        check("twenty-one columns: 1\n", "twenty-one columns:\n1\n");
        check("warning: others took all of the time\n", "warning: others took\nall of the time\n");
        check("error: a\n  cause: it is not there\n", "error: a\n  cause: it is not\n  there\n");
        check("a\n\nhint: b", "a\n\nhint: b");
    }

    #[test]
    fn words_that_are_too_long_are_whole() {
        let path = "/a/path/that/is/longer/than/that";
        assert_eq!(folded(&format!("see {path} now\n"), 20), format!("see\n{path}\nnow\n"));
        assert_eq!(folded(&format!("{path}\n"), 20), format!("{path}\n"));
        assert_eq!(
            folded("of no use in nineteen columns\n", 19),
            "of no use in nineteen columns\n"
        );
    }
}
