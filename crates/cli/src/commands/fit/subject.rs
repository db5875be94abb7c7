//! What is asked about: a model of the catalogue, of this machine or of a hub, as a header.

use loader::{Access, ModelFile, quantise::Mix};
use store::{
    catalogue::{self, Listed},
    library::{Found, Resolved},
    reference::{Reference, Wanted},
};

use super::known;
use crate::{
    args::Hub,
    failure::Failure,
    library,
    model::{self, Use, distance},
    shape::Shape,
};
#[cfg(feature = "hub")]
use crate::{
    commands::show::remote::{Remote, meant},
    terminal::tell,
};

/// A model, before it is judged.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: String,
    /// What the catalogue has of it.
    pub(super) listed: Option<Listed>,
    /// Its header; nothing where its shape is not known.
    pub(super) header: Option<Header>,
    /// The weight format that was asked for with its name.
    pub(super) mix: Option<Mix>,
    pub(super) licence: Option<String>,
}

/// Metadata and tensors.
#[derive(Debug)]
pub(super) enum Header {
    /// Of a file that there is, in its own formats.
    Published(Box<ModelFile>),
    /// Of a shape, in none.
    Shape(Box<ModelFile>),
}

impl Header {
    pub(super) fn file(&self) -> &ModelFile {
        match self {
            Self::Published(it) | Self::Shape(it) => it,
        }
    }
}

impl Subject {
    fn of(listed: Listed, shapes: &known::Shapes, mix: Option<Mix>) -> Self {
        Self {
            name: listed.name.clone(),
            header: shapes.of(&listed).map(|it| Header::Shape(Box::new(it))),
            licence: Some(listed.licence.clone()),
            listed: Some(listed),
            mix,
        }
    }

    /// A shape by its own name: that of models of several makers, perhaps.
    fn shape(shape: Shape) -> Self {
        let header = Some(Header::Shape(Box::new(shape.file().clone())));
        let name = shape.name().to_owned();
        Self { name, listed: None, header, mix: None, licence: None }
    }

    fn published(name: String, file: ModelFile, listed: Option<Listed>) -> Self {
        let stated = file.metadata.str("general.license").ok().flatten().map(str::to_owned);
        let licence = listed.as_ref().map(|it| it.licence.clone()).or(stated);
        let header = Some(Header::Published(Box::new(file)));
        Self { name, listed, header, mix: None, licence }
    }
}

/// All of the catalogue.
pub(super) fn catalogue() -> Vec<Subject> {
    let shapes = known::Shapes::all();
    catalogue::all().into_iter().map(|it| Subject::of(it, &shapes, None)).collect()
}

/// The model of this name: one of this machine, of the catalogue, or of a hub.
///
/// # Errors
///
/// If there is none, its header cannot be had, or it is not sound.
pub(super) fn named(name: &str, flags: &Hub) -> anyhow::Result<Subject> {
    model::tell_both(name);
    if let Some(reference) = elsewhere(name)? {
        return absent(name, &reference, flags);
    }
    let read = model::open_corrected(name, &[], Access::Map, Use::Header)?;
    let facts = read.entry.map(|it| it.manifest.facts);
    let called = facts.as_ref().and_then(|it| it.catalogue.as_deref());
    let listed = called.and_then(catalogue::listed);
    let mut subject = Subject::published(name.to_owned(), read.file, listed);
    subject.licence = facts.and_then(|it| it.licence).or(subject.licence);
    Ok(subject)
}

/// What a name means that is none of a model on this machine, and no path.
fn elsewhere(name: &str) -> anyhow::Result<Option<Reference>> {
    let is_file = [".gguf", ".safetensors"].iter().any(|it| name.ends_with(it));
    let is_here = model::built_in(name).is_some() || is_file || model::is_path(name)?;
    if is_here || name.starts_with(['.', '/']) {
        return Ok(None);
    }
    let Ok(reference) = name.parse::<Reference>() else { return Ok(None) };
    let is_kept = !matches!(library::library()?.resolve(&reference)?, Resolved::Absent);
    Ok((!is_kept).then_some(reference))
}

/// A model that is not on this machine.
fn absent(name: &str, reference: &Reference, flags: &Hub) -> anyhow::Result<Subject> {
    let listed = match &reference.wanted {
        Wanted::Called(called) => catalogue::listed(called),
        Wanted::Repository(repository) => {
            if let Some(subject) = by_header(name, reference, flags)? {
                return Ok(subject);
            }
            catalogue::by_repository(repository)
        }
    };
    let Some(listed) = listed else {
        return Shape::named(name).map(Subject::shape).ok_or_else(|| unknown(name, flags).into());
    };
    let mix = reference.quant.as_deref().map(str::parse::<Mix>).transpose();
    let mix = mix.map_err(|it| Failure::usage(it).hint("leave it out, or name one of these"))?;
    Ok(Subject::of(listed, &known::Shapes::all(), mix))
}

/// The model of a repository, by its header; nothing where none is to be asked for, or where that fails
/// and the catalogue knows the model.
#[cfg(feature = "hub")]
fn by_header(name: &str, reference: &Reference, flags: &Hub) -> anyhow::Result<Option<Subject>> {
    let Wanted::Repository(repository) = &reference.wanted else { return Ok(None) };
    if meant(name)?.is_none() {
        return Ok(None);
    }
    match Remote::open(reference, flags, &[]) {
        Ok(remote) => {
            let listed = catalogue::by_repository(&remote.snapshot.repository);
            Ok(Some(Subject::published(name.to_owned(), remote.file, listed)))
        }
        Err(error) if catalogue::by_repository(repository).is_none() => Err(error),
        Err(error) => {
            tell(format_args!("note: {error:#}; this is by the catalogue"));
            Ok(None)
        }
    }
}

/// Without network code there is no header to ask for.
#[cfg(not(feature = "hub"))]
fn by_header(_: &str, _: &Reference, _: &Hub) -> anyhow::Result<Option<Subject>> {
    Ok(None)
}

/// Why nothing is known of a name, and what is near.
fn unknown(name: &str, flags: &Hub) -> Failure {
    let message = format!("neither the catalogue nor the library knows `{name}`");
    let entries = library::library().ok().and_then(|it| it.entries().ok()).unwrap_or_default();
    let entries = entries.into_iter().filter_map(Found::model);
    let mut names: Vec<String> = entries.map(|it| it.name().to_string()).collect();
    for listed in catalogue::all() {
        names.extend(listed.names().map(str::to_owned));
    }
    let near = near(name, names);
    let near = (!near.is_empty()).then(|| format!("near are {}", near.join(", ")));
    let repository = (cfg!(feature = "hub") && !flags.offline)
        .then(|| "of a repository, `org/repo`, the header is read".to_owned());
    let list = near.is_none().then(|| "`ingle fit` has all of the catalogue".to_owned());
    let hints: Vec<_> = [near, list, repository].into_iter().flatten().collect();
    Failure::new(message).hint(hints.join("; "))
}

/// The three that are nearest to `name`, of those that half of it would make.
fn near(name: &str, names: Vec<String>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let far = |it: &String| distance(&wanted, &it.to_lowercase());
    let most = wanted.chars().count() / 2;
    let mut near: Vec<_> = names.into_iter().filter(|it| far(it) <= most).collect();
    near.sort_by_cached_key(|it| (far(it), it.clone()));
    near.truncate(3);
    near.iter().map(|it| format!("`{it}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_shares_half_of_the_name() {
        let names =
            || ["olmo2", "olmo3", "falcon", "llama3.2:3b", "llama3.2:1b"].map(str::to_owned);
        let check = |name: &str, expected: &[&str]| {
            assert_eq!(near(name, names().to_vec()), expected, "{name}");
        };
        check("nosuch", &[]);
        check("OLMO", &["`olmo2`", "`olmo3`"]);
        check("llama3.2:3bb", &["`llama3.2:3b`", "`llama3.2:1b`"]);
    }
}
