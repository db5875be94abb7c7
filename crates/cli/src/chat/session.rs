//! A loaded model, its settings, and the conversation so far.

use std::time::{Duration, Instant};

use anyhow::Context;
use engine::{Engine, Options, template::ReasoningMarks};
use loader::{ModelFile, Value};
use store::{Message, Role};

use super::{
    draft::{self, or_alone},
    prompt::{Style, own_text},
    report::Report,
};
use crate::{
    admission::Admitted,
    args::{Lookup, Sampling, Settings},
    device,
    draft::Draft,
    failure::Failure,
    library, memory,
    model::{self, Opened},
    resident,
    sandbox::{Level, Plan},
    terminal::tell,
    utf8,
};

/// Tokens of a prompt that are computed between two looks at Ctrl-C.
const CHUNK: usize = 128;

/// Where a model file has its template.
const TEMPLATE: &str = "tokenizer.chat_template";

/// Everything a turn needs.
pub(crate) struct Session {
    /// The model as the user named it.
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(super) file: ModelFile,
    pub(super) admitted: Admitted,
    /// What this process keeps; what it gave up is said with `--verbose`.
    pub(super) plan: Plan,
    pub(super) level: &'static Level,
    pub(crate) engine: Engine,
    /// Whether the settings file's draft is this model itself, and is not loaded again.
    pub(super) is_own_draft: bool,
    pub(super) style: Style,
    /// Whether the system leaves the model's weights in memory.
    pub(super) is_locked: bool,
    pub(super) loaded_in: Duration,
    pub(super) messages: Vec<Message>,
    /// Messages at the beginning that the context has no room for.
    pub(super) dropped: usize,
    /// Answers that were made again: each begins from another seed.
    pub(super) retries: u64,
    pub(super) last: Option<Report>,
    /// Said already; nothing is said twice.
    pub(super) warnings: Vec<String>,
    /// Whether a person is there to give commands.
    pub(super) is_chat: bool,
}

impl Session {
    /// Loads the model of this name, and a draft if the settings name one; when they are open, this
    /// process keeps only what is in `plan`. A draft of the settings file that cannot guess, or is no
    /// smaller than the model, is done without.
    ///
    /// # Errors
    ///
    /// If they cannot be loaded, a setting does not fit the model, or the sandbox is required and is
    /// not to be had.
    pub(crate) fn load(name: &str, settings: Settings, plan: Plan) -> anyhow::Result<Self> {
        let started = Instant::now();
        let Opened { mut file, said: mut warnings, admitted } =
            model::open_for(name, &settings.load)?;
        let draft = draft::open(name, &settings);
        let draft = or_alone(draft, &settings.chat, &mut warnings)?.flatten();
        let is_usual = settings.chat.usual_draft;
        let is_own_draft = is_usual && draft.as_ref().is_some_and(|it| it.is(&file));
        let draft = draft.filter(|_| !is_own_draft).map(|it| match is_usual {
            true => it.smaller_than(name, &file),
            false => Ok(it),
        });
        let draft = or_alone(draft.transpose(), &settings.chat, &mut warnings)?.flatten();
        warnings.extend(draft.iter().flat_map(|it| it.said.iter().cloned()));
        if let Some(unused) = model::kept(name)?.as_ref().and_then(library::unused) {
            tell(format_args!("warning: {unused}"));
            warnings.push(unused);
        }
        let template = settings.chat.chat_template.as_ref();
        let template = template.filter(|_| settings.chat.raw != Some(true));
        if let Some(path) = template {
            // The tokenizer, too, looks into the template: what it spells is structure.
            file.metadata.insert(TEMPLATE, Value::String(utf8::read_file(path)?));
        }
        let plan = draft.iter().fold(plan, |plan, it| plan.reading(&it.file.path));
        let level = plan.enter(Some(&file.path))?;
        let drafts = draft.as_ref().map_or(0, Draft::weight_bytes);
        let options = Options {
            ctx_size: settings.load.ctx_size.map(Into::into),
            free_memory: memory::free().map(|it| it.saturating_sub(drafts)),
            chunk: CHUNK,
            lookup: Lookup::MOST.0,
            ..Options::default()
        };
        let mut engine = device::engine(name, &file, &settings.load, &options)?;
        let unlocked = resident::lock(name, &file, &settings.load);
        let is_locked = settings.load.mlock && unlocked.is_none();
        warnings.extend(unlocked);
        if let Some(draft) = draft {
            // Pages that are locked do not count as free.
            let others = if is_locked { 0 } else { file.mapped_page_bytes() };
            let joined = draft.guess_for(&mut engine, name, &options, others);
            let joined = or_alone(joined, &settings.chat, &mut warnings)?;
            warnings.extend(joined.and_then(|()| draft.lock()));
        }
        let style = Style::of(&file, engine.tokenizer(), &settings);
        let style = style.with_context(|| match template {
            Some(path) => format!("cannot use the chat template `{}`", path.display()),
            None => format!("cannot load `{name}`"),
        })?;
        let session = Self {
            name: name.to_owned(),
            file,
            admitted,
            plan,
            level,
            engine,
            is_own_draft,
            style,
            settings,
            is_locked,
            loaded_in: started.elapsed(),
            messages: Vec::new(),
            dropped: 0,
            retries: 0,
            last: None,
            warnings,
            is_chat: false,
        };
        session.check_sampling()?;
        Ok(session)
    }

    /// Another model for the same conversation and settings.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); this session is then as it was.
    pub(super) fn switch(&mut self, name: &str) -> anyhow::Result<()> {
        let (messages, is_chat) = (self.messages.clone(), self.is_chat);
        let mut settings = self.settings.clone();
        // The draft was named for another model.
        settings.chat.usual_draft = true;
        *self = Self::load(name, settings, self.plan.clone())?;
        (self.messages, self.is_chat) = (messages, is_chat);
        // It was told when the first model was open, and is what it was.
        self.warnings.extend(self.plan.warning(self.level));
        Ok(())
    }

    /// How tokens are chosen now.
    ///
    /// # Errors
    ///
    /// If a recommendation of the model file has the wrong type.
    pub(super) fn sampling(&self) -> Result<engine::sample::Sampling, loader::Error> {
        let mut sampling = self.settings.sampling.over(&self.file.metadata)?;
        sampling.seed = sampling.seed.map(|it| it.wrapping_add(self.retries));
        Ok(sampling)
    }

    fn check_sampling(&self) -> anyhow::Result<()> {
        let vocab = self.engine.info().vocab;
        let recommended = || Sampling::default().over(&self.file.metadata);
        match self.sampling()?.check(vocab) {
            Err(error) if recommended()?.check(vocab).is_err() => {
                let message = format!("cannot use what `{}` recommends for sampling", self.name);
                let hint = "a flag, or `--override-kv general.sampling.KEY=TYPE:VALUE`, sets \
                            another value";
                Err(error).context(Failure::new(message).hint(hint))
            }
            checked => Ok(checked?),
        }
    }

    /// The marks around the model's reasoning.
    pub(super) fn marks(&self) -> Option<&ReasoningMarks> {
        self.style.template()?.reasoning()
    }

    /// The structural tokens that its marks are made of.
    ///
    /// # Errors
    ///
    /// If the tokenizer fails on a mark.
    pub(super) fn mark_ids(&self) -> anyhow::Result<Vec<u32>> {
        let mut ids = Vec::new();
        for text in self.marks().iter().flat_map(|it| it.shown()) {
            ids.extend(own_text(&self.engine, text)?);
        }
        ids.retain(|&id| self.engine.tokenizer().is_special(id));
        Ok(ids)
    }

    /// Whether the model goes on with text instead of answering messages.
    pub(super) fn is_completion(&self) -> bool {
        matches!(self.style, Style::Completion { .. })
    }

    /// Forgets the conversation.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
        (self.dropped, self.retries, self.last) = (0, 0, None);
    }

    /// Takes back the last message and its answer; the message.
    pub(super) fn undo(&mut self) -> Option<String> {
        let at = self.messages.iter().rposition(|it| it.role == Role::User)?;
        let message = self.messages.split_off(at).into_iter().next()?;
        self.dropped = self.dropped.min(self.messages.len());
        Some(message.content)
    }

    /// Puts a conversation in the place of this one.
    pub(super) fn take(&mut self, chat: store::Chat) {
        self.clear();
        self.settings.chat.system = chat.system;
        self.messages = chat.messages;
    }

    /// Goes on with a saved conversation.
    pub(crate) fn resume(&mut self, chat: store::Chat) {
        let system = self.settings.chat.system.take();
        self.take(chat);
        if system.is_some() {
            self.settings.chat.system = system;
        }
    }

    /// One line: what is loaded and how much it holds.
    pub(super) fn summary(&self) -> String {
        use crate::numbers::grouped;
        let info = self.engine.info();
        let name = info.name.as_deref().unwrap_or(&self.name).replace('\n', " ");
        let (context, of) = (info.context as u64, info.model_context as u64);
        let of = if context == of { String::new() } else { format!(" of {}", grouped(of)) };
        let cache = info.cache_format.map(|it| format!(", cache in {it}")).unwrap_or_default();
        let draft = self.engine.draft().and(self.settings.chat.draft.as_ref());
        let draft = draft.map(|it| format!(", draft `{it}`")).unwrap_or_default();
        let locked = if self.is_locked { ", locked in memory" } else { "" };
        let (context, device) = (grouped(context), &info.device);
        format!("{name}, context {context}{of} tokens{cache}, {device}{locked}{draft}")
    }
}
