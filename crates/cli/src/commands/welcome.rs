//! `ingle` alone: a chat with the model of the settings file or with the built-in one. Where nobody
//! is there to chat, or no such model, what to type next.

use super::run;
use crate::{
    args::{Model, Run},
    library::GET_ONE,
    model,
    settings::Site,
    terminal::tell,
};

/// Chats, answers what is piped in, or explains.
pub(crate) fn welcome() -> anyhow::Result<()> {
    let usual = Site::find()?.model.or_else(|| model::BUILT_IN.map(str::to_owned));
    let prompt = run::piped()?;
    match usual {
        Some(name) if prompt.as_ref().is_none_or(|it| !it.trim().is_empty()) => {
            let model = Model { model: Some(name), ..Model::default() };
            run::run(Run { model, prompt, ..Run::default() })
        }
        _ => {
            tell(format_args!(
                "\
Ingle runs language models on this machine; it needs a model.
  {GET_ONE}
  ingle run MODEL             chat with it: a name, a .gguf or a folder of .safetensors
  ingle show MODEL            say what it is; `ingle --help` lists everything else",
            ));
            if model::BUILT_IN.is_some() {
                tell("At a terminal, `ingle` alone chats with the demo model that is built in.");
            }
            Ok(())
        }
    }
}
