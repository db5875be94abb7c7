//! `ingle cp`: a second name for a model of the library, or a model that lies elsewhere into it.

use std::path::Path;

use loader::{Access, ModelFile};
use store::{
    audit::Event,
    bundle::Packed,
    library::{Entry, Error, Library},
    name::Name,
    policy::{At, Subject},
};

use super::export::{bar, left_out};
use crate::{
    admission,
    args::Copy,
    failure::Failure,
    library,
    model::{self, Place},
    settings::Site,
    terminal::tell,
};

/// Copies it, without storing weights twice where the disk allows that.
pub(crate) fn run(args: Copy) -> anyhow::Result<()> {
    let Copy { model, name, json } = args;
    if model::built_in(&model).is_some() {
        let failure = Failure::usage(format!("`{model}` is built into every `ingle`"));
        return Err(failure.hint("there is no file to copy").into());
    }
    // Reads the user's own catalogue, too.
    Site::find()?;
    library::refuse_name(&name)?;
    model::tell_both(&model);
    let copy = match model::find(&model)? {
        Place::Library(library, from) => {
            let copy = library.copy(&from, &name)?;
            tell(format_args!("`{}` is a copy of `{}`", copy.name(), from.name()));
            copy
        }
        Place::Path(path) => take_in(&library::library()?, &path, name)?,
    };
    if json.on { super::print_json(&library::json(&copy)) } else { Ok(()) }
}

/// Takes the file or folder into the library, if this site's policy allows that.
fn take_in(library: &Library, path: &Path, name: Name) -> anyhow::Result<Entry> {
    if let (Ok(place), Ok(root)) = (path.canonicalize(), library.root().canonicalize())
        && place.starts_with(root)
    {
        let failure = Failure::usage(format!("`{}` is in the library", path.display()));
        return Err(failure.hint("name it as `ingle list` does").into());
    }
    // Before all of it is read.
    if library.find(&name)?.is_some() {
        return Err(Error::Exists { name }.into());
    }
    let hashing = bar(0, "hashing");
    let packed = Packed::from_path(path, Some(name), &mut |n| hashing.inc(n));
    hashing.finish_and_clear();
    let packed = packed?;
    let arrived = library::now();
    let file = ModelFile::open_with(path, &[], Access::Map)?;
    let manifest = packed.manifest(&arrived);
    let subject = admission::of_file(&packed.name.to_string(), &file, Some(&manifest))?;
    let architecture = file.architecture().to_owned();
    let allowed = admission::before(&subject, At::Import)?;
    if let Some(left_out) = left_out(&packed) {
        tell(format_args!("warning: {left_out}"));
    }
    let copying = bar(packed.size(), "copying");
    let entry = packed.take_in(library, &arrived, &mut |n| copying.inc(n));
    copying.finish_and_clear();
    let entry = entry?;
    allowed.done(Event::Imported, &Subject::of_manifest(&entry.manifest))?;
    let (name, path) = (entry.name(), path.display());
    tell(format_args!("`{name}` is a copy of `{path}`; `ingle run {name}` runs it"));
    library::warn_of_architecture(&architecture);
    Ok(entry)
}
