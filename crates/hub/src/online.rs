//! Whether connections may be opened at all. Asked before anything is looked up, so that even the
//! name of a hub stays here.

use crate::Error;

/// Variables that forbid it, unless they are empty or say no.
const OFFLINE: &[&str] = &["INGLE_OFFLINE", "HF_HUB_OFFLINE"];

/// The permission to open connections; a [`Hub`](crate::Hub) is not made without it.
#[derive(Clone, Copy, Debug)]
pub struct Online(());

impl Online {
    /// Asks for it: `flag` is the flag that forbids it, if it was given, `variable` reads the
    /// environment.
    ///
    /// # Errors
    ///
    /// If something forbids it.
    pub fn ask(
        flag: Option<&'static str>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let forbids = |name: &&str| variable(name).is_some_and(|it| !says_no(&it));
        match flag.or_else(|| OFFLINE.iter().copied().find(forbids)) {
            Some(by) => Err(Error::Offline { by }),
            None => Ok(Self(())),
        }
    }
}

/// Anything else is taken for yes: a word that nobody knows must not open a connection.
fn says_no(text: &str) -> bool {
    matches!(text.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(flag: Option<&'static str>, set: (&str, &str), expected: Option<&str>) {
        let variable = |name: &str| (name == set.0).then(|| set.1.to_owned());
        let by = match Online::ask(flag, &variable) {
            Err(Error::Offline { by }) => Some(by),
            _ => None,
        };
        assert_eq!(by, expected, "{flag:?} {set:?}");
    }

    #[test]
    fn a_flag_or_a_variable_forbids_connections() {
        check(None, ("", ""), None);
        check(Some("--offline"), ("", ""), Some("--offline"));
        for no in ["", "0", "false", "NO", " off "] {
            check(None, ("INGLE_OFFLINE", no), None);
        }
        for yes in ["1", "true", "perhaps"] {
            check(None, ("INGLE_OFFLINE", yes), Some("INGLE_OFFLINE"));
            check(None, ("HF_HUB_OFFLINE", yes), Some("HF_HUB_OFFLINE"));
        }
    }
}
