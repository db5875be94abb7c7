//! `ingle --version`: what this build is and what it would compute with here.

use std::env::consts::{ARCH, OS};

use kernels::cpu::Config;
use serde_json::json;

use crate::{
    args::{Json, Load},
    device,
};

/// The version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Prints it.
pub(crate) fn run(json: Json) -> anyhow::Result<()> {
    let asked = Load::default().or_environment()?;
    let Config { isa, precision, threads, .. } = device::config(&asked)?;
    if json.on {
        let kernels =
            json!({"isa": isa.to_string(), "precision": precision.to_string(), "threads": threads});
        return super::print_json(&json!({
            "version": VERSION, "arch": ARCH, "os": OS, "commit": commit(), "kernels": kernels,
        }));
    }
    super::print(&format!(
        "ingle {VERSION}\ntarget: {ARCH}-{OS}\nkernels: cpu ({isa}, {precision}, threads: {threads})\n"
    ))
}

/// The commit that was built, where `build.rs` found one.
pub(crate) fn commit() -> &'static str {
    option_env!("INGLE_COMMIT").unwrap_or("unknown")
}
