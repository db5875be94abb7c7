//! The form of a file of the catalogue, and how it becomes what is [`Listed`].
//!
//! ```text
//! family = "Mistral"                          of all that is listed, where that does not say otherwise
//! [creator]
//! name = "Mistral AI"
//! [creator.country]                           optional, but never without who claims it
//! code = "FR"
//! claimed_by = "Mistral AI in its terms of service"
//! source = "https://…"
//!
//! [licence."LicenseRef-…"]                    every licence that SPDX does not list
//! url = "https://…"
//! terms = ["…"]                               what in it bites
//!
//! [[listed]]
//! name = "mistral:7b"
//! aliases = ["mistral"]                       optional, as are a `family` and a `creator` of its own
//! licence = "Apache-2.0"                      an SPDX expression
//! openness = "weights only"                   or `weights and data`, `fully open source`, `unknown`
//! lineage = ["mistralai/Mistral-7B-v0.3"]     what it was made from, nearest first
//! parameters = 7_248_023_552                  optional, as is all below but the architecture
//! context = 32_768
//! architecture = "llama"
//! gguf = ["…/…"]
//! safetensors = ["…/…"]
//! template = "…"
//! ```
//!
//! Models and what they are made from are named by their repositories at a hub: `organisation/name`.

use std::{
    collections::{BTreeMap, HashSet},
    mem,
};

use serde::{Deserialize, de::IgnoredAny};
use spdx::Expression;
use toml::Spanned;

use super::{
    flaw::Flaw,
    listed::{Listed, Openness},
};
use crate::name::{Name, RepoId};

/// Something in a file that cannot be used.
#[derive(Debug)]
pub(super) struct Bad {
    /// Where: a byte of the text.
    pub(super) at: usize,
    pub(super) flaw: Flaw,
}

/// What a file of `models/` lists.
pub(super) fn of_family(text: &str) -> Result<Vec<Listed>, Bad> {
    parsed(text)?.all()
}

/// What the user's own file lists.
pub(super) fn of_user(text: &str) -> Result<Vec<Listed>, Bad> {
    let file = parsed(text)?;
    match &file.model {
        None => file.all(),
        Some(model) => Err(bad(model, Flaw::Corrections)),
    }
}

fn parsed(text: &str) -> Result<File, Bad> {
    toml::from_str(text).map_err(|error: toml::de::Error| Bad {
        at: error.span().map_or(0, |it| it.start),
        flaw: Flaw::Form(error.message().to_owned()),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    family: Option<String>,
    creator: Option<Creator>,
    #[serde(default)]
    licence: BTreeMap<String, Terms>,
    #[serde(default)]
    listed: Vec<Entry>,
    /// Corrections, which are read elsewhere.
    model: Option<Spanned<IgnoredAny>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Creator {
    name: String,
    country: Option<Country>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Country {
    code: Spanned<String>,
    claimed_by: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Terms {
    url: String,
    #[serde(default)]
    terms: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    family: Option<String>,
    creator: Option<Creator>,
    licence: Spanned<String>,
    openness: Openness,
    #[serde(default)]
    lineage: Vec<RepoId>,
    parameters: Option<u64>,
    context: Option<u32>,
    architecture: String,
    #[serde(default)]
    gguf: Vec<RepoId>,
    #[serde(default)]
    safetensors: Vec<RepoId>,
    template: Option<String>,
}

impl File {
    fn all(mut self) -> Result<Vec<Listed>, Bad> {
        self.check_names()?;
        let listed = mem::take(&mut self.listed);
        listed.into_iter().map(|it| self.one(it)).collect()
    }

    /// Whether every name is one, and is there once.
    fn check_names(&self) -> Result<(), Bad> {
        let mut taken = HashSet::new();
        for name in self.listed.iter().flat_map(|it| [&it.name].into_iter().chain(&it.aliases)) {
            let found = name.get_ref().clone();
            if !is_name(&found) {
                return Err(bad(name, Flaw::Name { found }));
            }
            if !taken.insert(found.to_ascii_lowercase()) {
                return Err(bad(name, Flaw::Twice { name: found }));
            }
        }
        Ok(())
    }

    fn one(&self, entry: Entry) -> Result<Listed, Bad> {
        let missing =
            |key| bad(&entry.name, Flaw::Missing { name: entry.name.get_ref().clone(), key });
        let family = entry.family.or_else(|| self.family.clone());
        let creator = entry.creator.or_else(|| self.creator.clone());
        let family = family.ok_or_else(|| missing("family"))?;
        let Creator { name: creator, country } = creator.ok_or_else(|| missing("creator"))?;
        let (country, country_claim) = country.map(Country::checked).transpose()?.unzip();
        let (licence_url, terms) = self.licence(&entry.licence)?;
        Ok(Listed {
            name: entry.name.into_inner(),
            aliases: entry.aliases.into_iter().map(Spanned::into_inner).collect(),
            family,
            creator,
            country,
            country_claim,
            licence: entry.licence.into_inner(),
            licence_url,
            terms,
            openness: entry.openness,
            lineage: entry.lineage.iter().map(RepoId::to_string).collect(),
            parameters: entry.parameters,
            context: entry.context,
            architecture: entry.architecture,
            gguf: entry.gguf,
            safetensors: entry.safetensors,
            template: entry.template,
        })
    }

    /// Where `licence` is written down, and what in it bites.
    fn licence(&self, licence: &Spanned<String>) -> Result<(String, Vec<String>), Bad> {
        let found = licence.get_ref();
        let expression = Expression::parse(found).map_err(|error| {
            bad(licence, Flaw::Licence { found: found.clone(), why: error.reason.to_string() })
        })?;
        let (mut url, mut terms) = (None, Vec::new());
        for needed in expression.requirements().map(|it| &it.req.license) {
            let id = needed.to_string();
            match (self.licence.get(&id), needed.id()) {
                (Some(told), _) => {
                    url = Some(told.url.clone());
                    terms.extend_from_slice(&told.terms);
                }
                (None, Some(it)) => {
                    url.get_or_insert_with(|| {
                        format!("https://spdx.org/licenses/{}.html", it.name)
                    });
                }
                (None, None) => return Err(bad(licence, Flaw::Untold { id })),
            }
        }
        Ok((url.expect("an expression names a licence"), terms))
    }
}

impl Country {
    /// The country, and who claims it where.
    fn checked(self) -> Result<(String, String), Bad> {
        let Self { code, claimed_by, source } = self;
        match code.get_ref().as_bytes() {
            [b'A'..=b'Z', b'A'..=b'Z'] => {
                Ok((code.into_inner(), format!("{claimed_by}, {source}")))
            }
            _ => Err(bad(&code, Flaw::Country { found: code.get_ref().clone() })),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.contains('/') && text.parse::<Name>().is_ok()
}

fn bad<T>(at: &Spanned<T>, flaw: Flaw) -> Bad {
    Bad { at: at.span().start, flaw }
}
