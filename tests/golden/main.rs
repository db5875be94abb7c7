//! Comparisons with what other implementations computed: `families` with transformers on a tiny
//! model of each kind, whose rows `steps` runs in other ways and of which `falcon_h1` explains one
//! file, `converted` on the same after `ingle quantize`, `adapters` and `peft` on the same with LoRA,
//! `fp8` on one in 8 bits, `trained` on a trained small one and on every weight format, `real` on one
//! that people chat with. Of texts, `templates` compares renderings and `tokenizer` ids; `fixtures` is
//! what `ingle check` has of both.
//!
//! Only the models in `small` are in the repository; `INGLE_GOLDEN` and `INGLE_REAL` name the
//! folders of the others.
#![expect(clippy::print_stdout, reason = "what was skipped and measured is the reader's")]

mod adapters;
mod converted;
mod data;
mod falcon_h1;
mod families;
mod fixtures;
mod fp8;
mod peft;
mod real;
mod steps;
mod templates;
mod tokenizer;
mod trained;
