//! The form of a family's mapping: tables from Hugging Face's names to GGUF's.
//!
//! A family is data: `families` lists the tables, `keys` and `names` follow them. A new kind of
//! entry comes with the first family that needs it.

use super::{Error, keys::View};
use crate::QkOrder;

/// One class of models.
pub(super) struct Family {
    /// `architectures[0]` of `config.json`.
    pub(super) class: &'static str,
    /// `model_type` of `config.json`.
    pub(super) model_type: &'static str,
    /// `general.architecture`.
    pub(super) architecture: &'static str,
    /// The order of q and k rows that transformers' code for this class expects.
    pub(super) qk_order: QkOrder,
    /// What the keys of `config.json` mean; the first entry of a name counts.
    pub(super) keys: &'static [&'static [Key]],
    /// What the tensors are called; the first entry that fits counts.
    pub(super) tensors: &'static [&'static [Name]],
}

/// A key of `config.json`.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) means: Means,
}

/// What a key of `config.json` means. GGUF keys are without `<arch>.`.
pub(super) enum Means {
    /// A whole number, as u32 at a GGUF key.
    Count { key: &'static str, otherwise: Otherwise },
    /// A number, as f32 at a GGUF key; with what transformers takes where it is absent.
    Real { key: &'static str, otherwise: f64 },
    /// A flag, as a bool at a GGUF key; with what transformers takes where it is absent.
    Flag { key: &'static str, otherwise: bool },
    /// Only these values are known; `null` and absence are transformers' default, one of them.
    OneOf(&'static [&'static str]),
    /// The columns of a head; where it is absent, this or `hidden_size` divided by the heads.
    HeadDim { otherwise: Option<u32> },
    /// How the angles of rotary positions come about; with the default of `rope_theta`.
    Rope { theta: f64 },
    /// The window that every layer has, with what transformers takes where the key is absent.
    Window { otherwise: Option<u32> },
    /// The window of those layers that `layer_types` says, or else of all but the last of
    /// `sliding_window_pattern` layers in a row; with what transformers takes where a key is absent.
    WindowPattern { window: u32, every: u32 },
    /// The window of the layers from `max_window_layers` on, if `use_sliding_window` says so.
    WindowFrom,
    /// The share of a head's columns that turn, with what transformers takes where it is absent.
    /// It stands after the head.
    Turned { otherwise: f64 },
    /// Something that one family alone has.
    By(fn(&mut View<'_>) -> Result<(), Error>),
    /// Which layers turn: the list of that name, or all but the last of so many layers in a row as
    /// `no_rope_layer_interval` says; with what transformers takes where both are absent.
    RopeLayers { every: u32 },
    /// Whether these tensors of the first block are there.
    Tensors { otherwise: bool, names: &'static [&'static str] },
    /// Whether the embedding table is the head, too.
    Tied { otherwise: bool },
    /// Read with another key.
    Elsewhere,
}

/// What a count is where `config.json` has none.
pub(super) enum Otherwise {
    /// An error.
    Missing,
    /// What transformers takes.
    Is(u32),
    /// The number at another key of `config.json`.
    Same(&'static str),
    /// So many times that number.
    Times(u32, &'static str),
}

/// A tensor's name; `{}` is a number.
pub(super) struct Name {
    pub(super) from: &'static str,
    pub(super) to: To,
}

/// Where a tensor goes.
pub(super) enum To {
    /// To this name; numbers go where they came from.
    Tensor(&'static str),
    /// To this name, with 1 added to each number: a norm that multiplies with `1 + w`.
    PlusOne(&'static str),
    /// To part `i` of this name, where `i` is the last number: matrices become a stack.
    Stack(&'static str),
    /// Nowhere: computed anew from `config.json`.
    Dropped,
}

pub(super) const fn key(name: &'static str, means: Means) -> Key {
    Key { name, means }
}

pub(super) const fn count(name: &'static str, key: &'static str) -> Key {
    count_or(name, key, Otherwise::Missing)
}

pub(super) const fn count_or(name: &'static str, key: &'static str, otherwise: Otherwise) -> Key {
    Key { name, means: Means::Count { key, otherwise } }
}

pub(super) const fn real(name: &'static str, key: &'static str, otherwise: f64) -> Key {
    Key { name, means: Means::Real { key, otherwise } }
}

pub(super) const fn name(from: &'static str, to: &'static str) -> Name {
    Name { from, to: To::Tensor(to) }
}

pub(super) const fn stack(from: &'static str, to: &'static str) -> Name {
    Name { from, to: To::Stack(to) }
}

pub(super) const fn plus_one(from: &'static str, to: &'static str) -> Name {
    Name { from, to: To::PlusOne(to) }
}
