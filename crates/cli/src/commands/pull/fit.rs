//! Whether a model will fit the memory: its exact bytes, from its headers alone.

use engine::{Info, Options};
use kernels::cpu::{Config, Cpu, Isa};
use loader::{Error, ModelFile};

use crate::{
    commands::fit::sizes::{chain, outline, total},
    device, memory,
    numbers::{grouped, size},
};

/// What a model takes, or why it cannot be run.
#[derive(Debug)]
pub(super) struct Fit {
    /// As its file calls it.
    pub(super) architecture: Option<String>,
    takes: Result<Info, String>,
    free: Option<u64>,
}

impl Fit {
    /// Of a model's headers, as the loader opened them. No weight is read: there are none.
    pub(super) fn of(opened: &Result<ModelFile, Error>) -> Self {
        let free = memory::free();
        let file = match opened {
            Ok(file) => file,
            Err(error) => {
                let takes = Err(chain(error));
                return Self { architecture: None, takes, free };
            }
        };
        let architecture = Some(file.architecture().to_owned());
        let options = Options { free_memory: free, ..Options::default() };
        // A name that is wrong is told where kernels run.
        let isa = device::isa().unwrap_or_else(|_| Isa::best());
        let config = Config { isa, threads: 1, ..Config::detect() };
        let cpu = Cpu::new(config).map_err(|it| chain(&it));
        let takes = cpu.and_then(|it| outline(file, &it, &options)).map(|it| it.info);
        Self { architecture, takes, free }
    }

    /// What speaks against it.
    pub(super) fn doubt(&self) -> Option<String> {
        let free = self.free?;
        match &self.takes {
            Err(why) => Some(format!("this version cannot run it: {why}")),
            Ok(info) if total(info) > free => Some(format!(
                "it needs {} of memory, {} are free here",
                size(total(info)),
                size(free)
            )),
            Ok(_) => None,
        }
    }

    /// For people: what it takes, and of how much.
    pub(super) fn text(&self) -> Option<String> {
        let info = self.takes.as_ref().ok()?;
        let free = self.free.map(|it| {
            let fits = if total(info) > it { "does not fit" } else { "fits" };
            format!("; {fits}, {} are free here", size(it))
        });
        Some(format!(
            "{}: weights {}, cache of {} tokens {}, scratch {}{}",
            size(total(info)),
            size(info.weight_bytes),
            grouped(info.context as u64),
            size(info.cache_bytes),
            size(info.scratch_bytes),
            free.unwrap_or_default()
        ))
    }

    /// For programs.
    pub(super) fn json(&self) -> serde_json::Value {
        match &self.takes {
            Err(why) => serde_json::json!({ "runs": false, "why": why }),
            Ok(info) => serde_json::json!({
                "runs": true,
                "weights": info.weight_bytes,
                "cache": info.cache_bytes,
                "scratch": info.scratch_bytes,
                "context": info.context,
                "free": self.free,
            }),
        }
    }
}
