//! Relative paths from outside: names of shards, files of a repository, entries of a bundle.
//!
//! A [`SafeRelPath`] stays below whatever folder it is joined to, on every system, and names the
//! same file on every system. Names that two systems could read differently are refused rather
//! than mended: this is for the names of model files, which people choose to be portable.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Longest part that every common file system takes.
const MAX_PART: usize = 255;
/// Longest path that every common system call takes.
const MAX_PATH: usize = 1024;

/// A relative path of plain parts, joined by `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SafeRelPath(String);

impl SafeRelPath {
    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path below `folder`.
    pub fn below(&self, folder: &Path) -> PathBuf {
        let mut path = folder.to_owned();
        path.extend(self.0.split('/'));
        path
    }

    /// What a file system that ignores case takes it for: two paths with the same key may be one
    /// file. There is no other way to be one, because paths are ASCII.
    pub fn fold_key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for SafeRelPath {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        let error = |why| PathError { path: shortened(path), why };
        if path.len() > MAX_PATH {
            return Err(error(Unsafe::TooLong { found: path.len(), limit: MAX_PATH }));
        }
        match path.split('/').find_map(flaw) {
            Some(_) if path.starts_with('/') => Err(error(Unsafe::Absolute)),
            Some(why) => Err(error(why)),
            None => Ok(Self(path.to_owned())),
        }
    }
}

impl fmt::Display for SafeRelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A path from outside that is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a safe relative path: {why}")]
pub struct PathError {
    /// The path, escaped and cut to a printable length.
    pub path: String,
    /// What is wrong with it.
    pub why: Unsafe,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// It starts at a root.
    #[error("it is absolute")]
    Absolute,
    /// It is empty, or two slashes follow one another, or one is at the end.
    #[error("a part of it is empty")]
    EmptyPart,
    /// A part is `.` or `..`.
    #[error("it has a part `.` or `..`")]
    Dots,
    /// A character that some system reads as more than a character, or writes in several ways.
    #[error("it holds {0:?}")]
    Character(char),
    /// A dot or a space at the end of a part, which Windows drops.
    #[error("a part ends in a dot or a space")]
    TrailingDotOrSpace,
    /// A name that Windows gives to a device.
    #[error("a part names a device of Windows")]
    Device,
    /// More bytes than a file system takes.
    #[error("it has {found} bytes in a row, at most {limit} are allowed")]
    TooLong {
        /// Bytes of the path or of a part.
        found: usize,
        /// The most that is allowed.
        limit: usize,
    },
}

fn flaw(part: &str) -> Option<Unsafe> {
    let allowed = |c: char| matches!(c, ' '..='~') && !r#"\:*?"<>|"#.contains(c);
    if part.is_empty() {
        Some(Unsafe::EmptyPart)
    } else if part == "." || part == ".." {
        Some(Unsafe::Dots)
    } else if part.len() > MAX_PART {
        Some(Unsafe::TooLong { found: part.len(), limit: MAX_PART })
    } else if let Some(c) = part.chars().find(|&c| !allowed(c)) {
        Some(Unsafe::Character(c))
    } else if part.ends_with(['.', ' ']) {
        Some(Unsafe::TrailingDotOrSpace)
    } else {
        is_device(part).then_some(Unsafe::Device)
    }
}

/// `CON`, `con.txt`, `COM1`: with any extension, in any case.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => ["COM", "LPT"].iter().any(|port| {
            stem.strip_prefix(port)
                .is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit())
        }),
    }
}

fn shortened(path: &str) -> String {
    let mut out: String = path.escape_debug().take(80).collect();
    if out.len() < path.len() && path.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, why: Unsafe) {
        assert_eq!(path.parse::<SafeRelPath>().unwrap_err().why, why, "{path:?}");
    }

    #[test]
    fn t16_paths_that_leave_the_folder() {
        check("..", Unsafe::Dots);
        check("a/../../b", Unsafe::Dots);
        check("./a", Unsafe::Dots);
        check("/etc/passwd", Unsafe::Absolute);
        check("//host/share", Unsafe::Absolute);
        check("C:x", Unsafe::Character(':'));
        check("C:/x", Unsafe::Character(':'));
        check(r"\\host\s", Unsafe::Character('\\'));
        check(r"..\x", Unsafe::Character('\\'));
    }

    #[test]
    fn t16_paths_that_systems_read_differently() {
        check("a\0b", Unsafe::Character('\0'));
        check("a\nb", Unsafe::Character('\n'));
        check("a.", Unsafe::TrailingDotOrSpace);
        check("a /b", Unsafe::TrailingDotOrSpace);
        check("CON", Unsafe::Device);
        check("a/nul.safetensors", Unsafe::Device);
        check("com1", Unsafe::Device);
        check("", Unsafe::EmptyPart);
        check("a//b", Unsafe::EmptyPart);
        check("a/", Unsafe::EmptyPart);
        check(&"x".repeat(300), Unsafe::TooLong { found: 300, limit: 255 });
        check(&"x/".repeat(2000), Unsafe::TooLong { found: 4000, limit: 1024 });
    }

    #[test]
    fn t16_names_that_are_one_file_to_some_systems() {
        // Both forms of `é`: neither is allowed, so they cannot meet.
        check("mod\u{e9}le", Unsafe::Character('\u{e9}'));
        check("mode\u{301}le", Unsafe::Character('\u{301}'));
        let [a, b] =
            ["Model.safetensors", "model.SAFETENSORS"].map(|it| it.parse::<SafeRelPath>().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.fold_key(), b.fold_key());
    }

    #[test]
    fn plain_names_pass() {
        for name in ["model-00001-of-00002.safetensors", "a b/c.d", "com10", "console", "..a"] {
            let path: SafeRelPath = name.parse().unwrap();
            assert_eq!(path.below(Path::new("/m")), Path::new("/m").join(name));
        }
    }

    #[test]
    fn the_error_prints_what_is_printable() {
        let text = "a\u{1b}[31m".parse::<SafeRelPath>().unwrap_err().to_string();
        assert_eq!(text, r"`a\u{1b}[31m` is not a safe relative path: it holds '\u{1b}'");
    }
}
