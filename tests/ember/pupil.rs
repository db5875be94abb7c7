//! Ember, loaded from the bytes that the binary holds, and what it answers.

use engine::{
    Engine, EventKind, Finish, Options, Request,
    sample::Sampling,
    template::{Conversation, Message, Role, Template, TokenTexts},
    tokenizer::Bos,
};
use kernels::cpu::{Config, Cpu, Precision};
use loader::{Bytes, ModelFile};

/// Tokens after which an answer has to have ended.
pub(crate) const LIMIT: usize = 120;

/// The model, ready to be asked.
pub(crate) struct Pupil {
    engine: Engine,
    template: Template,
}

/// What it said.
pub(crate) struct Answer {
    pub(crate) text: String,
    /// It ended by itself.
    pub(crate) ended: bool,
}

pub(crate) fn file() -> ModelFile {
    ModelFile::from_bytes(ember::NAME, Bytes::new(ember::GGUF), &[]).expect("our own file is sound")
}

impl Pupil {
    pub(crate) fn new(file: &ModelFile) -> Self {
        let config = Config { precision: Precision::Exact, ..Config::detect() };
        let cpu = Cpu::new(config).expect("the best instruction set is one that there is");
        let engine = Engine::load(file, Box::new(cpu), &Options::default()).expect("our own model");
        let bos = engine.tokenizer().bos().map(|it| engine.tokenizer().piece(it).to_vec());
        let bos = bos.map(|it| String::from_utf8_lossy(&it).into_owned());
        let template = Template::load(file, TokenTexts { bos, eos: None });
        let template = template.expect("our own template").expect("it has one");
        Self { engine, template }
    }

    /// The answer to the last of `said`: by turns what a person said and what Ember said.
    pub(crate) fn answer(&mut self, said: &[String]) -> Answer {
        let role = |n: usize| if n.is_multiple_of(2) { Role::User } else { Role::Assistant };
        let messages = said.iter().enumerate().map(|(n, text)| Message::new(role(n), text));
        let mut conversation = Conversation::new(messages.collect());
        conversation.add_generation_prompt = true;
        let tokenizer = self.engine.tokenizer();
        let prompt = self.template.render(&conversation, tokenizer.structural()).expect("renders");
        let tokens = tokenizer.encode(&prompt, Bos::Never).expect("plain text");
        let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
        let stop_ids = tokenizer.stop_ids().to_vec();
        let request = Request { max_new: Some(LIMIT), stop_ids, ..Request::new(tokens, sampling) };
        self.engine.submit(request).expect("a sound request");
        let mut answer = Answer { text: String::new(), ended: false };
        while !self.engine.is_idle() {
            for event in self.engine.step().expect("a step") {
                match event.kind {
                    EventKind::Token { text, .. } | EventKind::Rest(text) => answer.text += &text,
                    EventKind::Finished(finish, _) => {
                        answer.ended = matches!(finish, Finish::StopToken(_));
                    }
                    _ => {}
                }
            }
        }
        answer
    }
}
