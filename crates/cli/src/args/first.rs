//! What is done to the words before clap reads them: spellings that it does not know, and a first
//! word that is no verb and about which there is more to say than which verbs there are.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use clap::CommandFactory;
use store::reference::Reference;

use super::Cli;
use crate::{failure::Failure, model};

/// Verbs that people know from elsewhere, or that are planned.
const LATER: &[&str] = &["serve"];

/// How the cache keeps keys and values.
const CACHE_TYPE: &str = "--cache-type";

/// The words with llama.cpp's `-sys` as `--system`, its `-ctk` and `-ctv` as `--cache-type`, its `-npl`
/// as `--parallel`, and `help VERB` as `VERB --help`.
pub(super) fn spelled(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut flags = true;
    let spelled = args.map(|arg| {
        flags &= arg != "--";
        match arg.to_str() {
            Some("-sys") if flags => "--system".into(),
            Some("-ctk" | "-ctv") if flags => CACHE_TYPE.into(),
            Some("-npl") if flags => "--parallel".into(),
            _ => arg,
        }
    });
    let mut args: Vec<OsString> = spelled.collect();
    forget_the_same(&mut args);
    if args.get(1).is_some_and(|it| it == "help") {
        args.remove(1);
        args.truncate(2);
        args.push("--help".into());
    }
    args
}

/// Takes away a `--cache-type` with the same value as one before it: people who give keys a type give
/// values one, too, and here both have the same.
fn forget_the_same(args: &mut Vec<OsString>) {
    let end = args.iter().position(|it| it == "--").unwrap_or(args.len());
    let mut flags = (0..end).filter(|&i| args[i] == CACHE_TYPE);
    if let (Some(keys), Some(values)) = (flags.next(), flags.next())
        && args.get(keys + 1) == args.get(values + 1)
    {
        args.drain(values..values + 2);
    }
}

/// Why the first word is no verb, where that is known.
pub(super) fn refusal(word: &OsStr) -> Option<Failure> {
    let text = word.to_string_lossy();
    let name = text.as_ref();
    if name.starts_with('-') || Cli::command().find_subcommand(word).is_some() {
        return None;
    }
    if LATER.contains(&name) {
        let failure = Failure::usage(format!("`{name}` is not in this version"));
        return Some(failure.hint("`ingle --help` lists what is"));
    }
    let is_reference = name.contains(['/', ':']) && name.parse::<Reference>().is_ok();
    if name.contains("://") && !is_reference {
        return Some(model::address(name));
    }
    let is_model = model::BUILT_IN == Some(name)
        || is_reference
        || name.ends_with(".gguf")
        || name.ends_with(".safetensors")
        || Path::new(word).exists();
    is_model.then(|| {
        Failure::usage(format!("`{name}` is no command")).hint(format!("`ingle run {name}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let words = spelled(line.split(' ').map(OsString::from));
        let words: Vec<_> = words.iter().map(|it| it.to_string_lossy()).collect();
        assert_eq!(words.join(" "), expected, "{line}");
    }

    #[test]
    fn other_spellings_are_understood() {
        check("ingle help", "ingle --help");
        check("ingle help run", "ingle run --help");
        check("ingle run m -sys hi", "ingle run m --system hi");
        check("ingle run m -- -sys help", "ingle run m -- -sys help");
        check("ingle run m -ctk q8_0", "ingle run m --cache-type q8_0");
        check("ingle run m -ctk q8_0 -ctv q8_0 hi", "ingle run m --cache-type q8_0 hi");
        let both = "ingle run m --cache-type q8_0 --cache-type f16";
        check("ingle run m -ctk q8_0 -ctv f16", both);
        check("ingle run m -ctk -ctv", "ingle run m --cache-type --cache-type");
        check("ingle run m -- -ctk q8_0", "ingle run m -- -ctk q8_0");
        check("ingle bench m -npl 1,2", "ingle bench m --parallel 1,2");
    }

    #[test]
    fn a_first_word_that_is_no_verb_is_explained() {
        let said = |word: &str| refusal(OsStr::new(word)).map(|it| it.to_string());
        for verb in ["run", "chat", "convert", "--version", "-V", "nonsense"] {
            assert_eq!(said(verb), None, "{verb}");
        }
        for later in LATER {
            assert_eq!(said(later), Some(format!("`{later}` is not in this version")));
        }
        let address = "`https://x/m.gguf` is an address, and none of a model's repository";
        assert_eq!(said("https://x/m.gguf").as_deref(), Some(address));
        for model in ["m.gguf", "llama3.2:3b", "org/repo", "https://huggingface.co/org/repo"] {
            assert_eq!(said(model), Some(format!("`{model}` is no command")));
        }
    }
}
