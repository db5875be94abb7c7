//! `ingle cp`: a second name for a model.

use crate::{args::Copy, library, terminal::tell};

/// Copies it, without storing its weights twice where the disk allows that.
pub(crate) fn run(args: Copy) -> anyhow::Result<()> {
    let library = library::library()?;
    let from = library::entry(&library, &args.model)?;
    let copy = library.copy(&from, &args.name)?;
    tell(format_args!("`{}` is a copy of `{}`", copy.name(), from.name()));
    match args.json.on {
        true => super::print_json(&library::json(&copy)),
        false => Ok(()),
    }
}
