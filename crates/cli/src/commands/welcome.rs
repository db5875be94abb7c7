//! `ingle` alone: what to type next.

use std::io::Write;

/// Explains in three lines.
pub(crate) fn run() -> anyhow::Result<()> {
    let text = "\
Ingle runs language models on this machine; it needs a model file, such as a .gguf.
  ingle run MODEL.gguf             chat with it (a folder of .safetensors works, too)
  ingle show MODEL.gguf            say what it is; `ingle --help` lists everything else
";
    // Nobody reads it if standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
    Ok(())
}
