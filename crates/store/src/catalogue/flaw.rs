//! What can be wrong with a file of the catalogue.

/// What is wrong at a place of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// Not the TOML that it should be.
    #[error("{0}")]
    Form(String),
    /// What no model can be called.
    #[error("`{}` is no name of a model, expected `model` or `model:size`", found.escape_debug())]
    Name {
        /// What was found.
        found: String,
    },
    /// Two models of one name.
    #[error("`{name}` is there twice, or differs in case alone")]
    Twice {
        /// The name.
        name: String,
    },
    /// Neither the model nor the head of the file has it.
    #[error("`{name}` has no `{key}`, and neither has the head of the file")]
    Missing {
        /// Which model.
        name: String,
        /// What it lacks.
        key: &'static str,
    },
    /// Not the code of a country.
    #[error("`{}` is no country, expected two of A-Z as in ISO 3166-1", found.escape_debug())]
    Country {
        /// What was found.
        found: String,
    },
    /// Not an SPDX expression.
    #[error(
        "`{}` is no SPDX expression ({why}), expected one such as `Apache-2.0` or `LicenseRef-Mine`",
        found.escape_debug()
    )]
    Licence {
        /// What was found.
        found: String,
        /// What the reader of expressions says.
        why: String,
    },
    /// A licence that nobody has told about.
    #[error("`{id}` is not on SPDX's list, expected its `url` and `terms` in `[licence.\"{id}\"]`")]
    Untold {
        /// The licence.
        id: String,
    },
    /// Model files are corrected by the built-in catalogue alone.
    #[error(
        "found `[[model]]`, expected `[[listed]]` alone: what corrects model files is built in, and \
         `--override-kv` is stronger"
    )]
    Corrections,
}
