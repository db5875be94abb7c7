//! Ember's tokenizer: byte-level BPE, trained on what Ember is taught. Every byte is a token, so
//! there is no unknown text; each digit stands alone, which makes sums easier.

use anyhow::anyhow;
use tokenizers::{
    AddedToken, Model, NormalizerWrapper, PostProcessorWrapper, Trainer,
    decoders::byte_level::ByteLevel,
    models::bpe::{BPE, BpeTrainer},
    pre_tokenizers::{
        PreTokenizerWrapper,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
    tokenizer::{
        OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, SplitDelimiterBehavior,
    },
};

use crate::talk::Conversation;

/// How many tokens there are, structural ones included.
pub const SIZE: usize = 4096;

/// Structural tokens, the last ids of the vocabulary.
pub const STRUCTURAL: [&str; 5] = ["<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|ember|>"];

/// Where words end before they are cut into tokens: `qwen2`'s rule, by GGUF's name.
pub const PRE: &str = "qwen2";

const WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

type Tokenizer = tokenizers::TokenizerImpl<
    BPE,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    ByteLevel,
>;

/// The tokenizer and the ids of the structural tokens.
pub struct Vocabulary {
    tokenizer: Tokenizer,
    ids: [u16; STRUCTURAL.len()],
}

/// A token of a conversation, and whether Ember has to say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its id.
    pub id: u16,
    /// It is part of an answer.
    pub said: bool,
}

impl Vocabulary {
    /// Trains it on these conversations.
    ///
    /// # Errors
    ///
    /// If the texts do not hold enough to make as many tokens.
    pub fn train(conversations: &[Conversation]) -> anyhow::Result<Self> {
        let mut trainer = BpeTrainer::builder()
            .vocab_size(SIZE - STRUCTURAL.len())
            .min_frequency(2)
            .show_progress(false)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build();
        let rule = rule()?;
        trainer
            .feed(conversations.iter().flat_map(texts), |text| words(&rule, text))
            .map_err(boxed)?;
        let mut model = BPE::default();
        trainer.train(&mut model).map_err(boxed)?;
        let found = model.get_vocab_size();
        anyhow::ensure!(
            found == SIZE - STRUCTURAL.len(),
            "the texts make {found} tokens, not the {} wanted",
            SIZE - STRUCTURAL.len()
        );
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(rule)).with_decoder(Some(ByteLevel::default()));
        tokenizer
            .add_special_tokens(STRUCTURAL.map(|it| AddedToken::from(it, true)))
            .map_err(boxed)?;
        Self::of(tokenizer)
    }

    /// Reads what `to_json` wrote.
    ///
    /// # Errors
    ///
    /// If it is not such a tokenizer.
    pub fn from_json(json: &str) -> anyhow::Result<Self> {
        Self::of(json.parse::<Tokenizer>().map_err(boxed)?)
    }

    /// As a `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// If it cannot be written as JSON.
    pub fn to_json(&self) -> anyhow::Result<String> {
        self.tokenizer.to_string(true).map_err(boxed)
    }

    fn of(tokenizer: Tokenizer) -> anyhow::Result<Self> {
        let mut ids = [0; STRUCTURAL.len()];
        for (id, name) in ids.iter_mut().zip(STRUCTURAL) {
            let found = tokenizer.token_to_id(name).ok_or_else(|| anyhow!("no token `{name}`"))?;
            *id = u16::try_from(found)?;
        }
        Ok(Self { tokenizer, ids })
    }

    /// The tokens' texts, by id.
    ///
    /// # Errors
    ///
    /// If an id is not in use.
    pub fn tokens(&self) -> anyhow::Result<Vec<String>> {
        let n = u32::try_from(self.tokenizer.get_vocab_size(true))?;
        let text = |id| self.tokenizer.id_to_token(id).ok_or_else(|| anyhow!("no token {id}"));
        (0..n).map(text).collect()
    }

    /// The merges, first ones first.
    ///
    /// # Errors
    ///
    /// If the tokenizer has no such list.
    pub fn merges(&self) -> anyhow::Result<Vec<String>> {
        let json: serde_json::Value = serde_json::from_str(&self.to_json()?)?;
        let merges = json["model"]["merges"].as_array().ok_or_else(|| anyhow!("no merges"))?;
        let text = |it: &serde_json::Value| match it {
            serde_json::Value::String(text) => Some(text.clone()),
            pair => Some(format!("{} {}", pair[0].as_str()?, pair[1].as_str()?)),
        };
        merges.iter().map(|it| text(it).ok_or_else(|| anyhow!("not a merge: {it}"))).collect()
    }

    /// The tokens of a whole conversation, as the chat template writes it.
    ///
    /// # Errors
    ///
    /// If a text cannot be cut.
    pub fn encode(&self, conversation: &Conversation) -> anyhow::Result<Vec<Heard>> {
        let [begin, end, system, user, ember] = self.ids;
        let mut heard = vec![Heard { id: begin, said: false }];
        let mut message = |role, text: &str, said| -> anyhow::Result<()> {
            heard.push(Heard { id: role, said: false });
            let encoding = self.tokenizer.encode(text, false).map_err(boxed)?;
            for &id in encoding.get_ids() {
                heard.push(Heard { id: u16::try_from(id)?, said });
            }
            heard.push(Heard { id: end, said });
            Ok(())
        };
        if let Some(text) = &conversation.system {
            message(system, text, false)?;
        }
        for turn in &conversation.turns {
            message(user, &turn.ask, false)?;
            message(ember, &turn.answer, true)?;
        }
        Ok(heard)
    }
}

fn rule() -> anyhow::Result<PreTokenizerWrapper> {
    let pattern = SplitPattern::Regex(WORDS.to_owned());
    let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(boxed)?;
    let bytes = ByteLevel::new(false, false, false);
    Ok(Sequence::new(vec![split.into(), bytes.into()]).into())
}

fn words(rule: &PreTokenizerWrapper, text: &str) -> tokenizers::Result<Vec<String>> {
    let mut cut = PreTokenizedString::from(text);
    rule.pre_tokenize(&mut cut)?;
    let splits = cut.get_splits(OffsetReferential::Original, OffsetType::Byte);
    Ok(splits.into_iter().map(|(word, ..)| word.to_owned()).collect())
}

fn texts(conversation: &Conversation) -> impl Iterator<Item = &str> {
    let turns = conversation.turns.iter().flat_map(|it| [it.ask.as_str(), it.answer.as_str()]);
    conversation.system.as_deref().into_iter().chain(turns)
}

fn boxed(error: tokenizers::Error) -> anyhow::Error {
    anyhow!(error)
}
