//! The table of formats: the marks around a call, and what stands between them.
//!
//! Collected from the chat templates of the model families, and from what they tell a model to write.
//! A format is taken where a template writes its own calls in it, or where its signs are in a
//! template or a vocabulary.

use serde_json::Value as Json;

use super::{Read, elements, gemma, json, pattern, pattern::Piece, python, tags, tags::Tags};

/// One way to write calls.
#[derive(Debug)]
pub(super) struct Format {
    /// What templates or vocabularies of such models have, all of it; nothing where a template has
    /// to show the format itself.
    pub(super) signs: &'static [&'static str],
    /// Before a block; nothing where the whole answer is one.
    pub(super) open: &'static str,
    /// After it; nothing where it ends at the next one or with the answer.
    pub(super) close: &'static str,
    pub(super) body: Body,
    /// Marks around several blocks, of no meaning.
    pub(super) around: &'static [&'static str],
}

/// What a block is made of.
#[derive(Debug)]
pub(super) enum Body {
    /// Objects with a name and arguments, or lists of them.
    Json,
    /// One call: literal text, a name and JSON arguments.
    Pattern(&'static [Piece]),
    /// One call, each argument between tags.
    Tags(Tags),
    /// One call, each argument an element of its name; before each tag stands this.
    Elements(&'static str),
    /// Gemma 4's own notation.
    Gemma,
    /// Calls of Python functions.
    Python,
}

impl Format {
    /// Everything that it looks for.
    pub(super) fn literals(&self) -> impl Iterator<Item = &'static str> {
        let inner: Vec<&'static str> = match &self.body {
            Body::Pattern(pieces) => pieces.iter().filter_map(Piece::literal).collect(),
            Body::Tags(tags) => tags.literals().to_vec(),
            Body::Elements(mark) => vec![*mark],
            Body::Gemma => vec![gemma::QUOTE],
            Body::Json | Body::Python => vec![],
        };
        [self.open, self.close].into_iter().chain(self.around.iter().copied()).chain(inner)
    }

    /// Where a block may end that `inner` begins with: the length of it, and of it and its mark. An
    /// argument may hold the mark, so there are several; the end of the text is the last.
    pub(super) fn ends<'a>(&'a self, inner: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
        /// More than any sane argument has; each is a try.
        const MAX: usize = 16;
        let (mark, kept) = match self.close {
            "" => (self.open, 0),
            close => (close, close.len()),
        };
        let found = inner.match_indices(mark).take(if mark.is_empty() { 0 } else { MAX });
        let found = found.map(move |(at, _)| (at, at + kept));
        found.chain(std::iter::once((inner.len(), inner.len())))
    }
}

impl Body {
    /// The calls of a block.
    pub(super) fn read(&self, block: &str, tools: &[Json]) -> Read {
        match self {
            Self::Json => json::read(block),
            Self::Pattern(pieces) => pattern::read(block, pieces),
            Self::Tags(it) => tags::read(block, it, tools),
            Self::Elements(mark) => elements::read(block, mark, tools),
            Self::Gemma => gemma::read(block),
            Self::Python => python::read(block),
        }
    }
}

const JSON: Format = Format { signs: &[], open: "", close: "", body: Body::Json, around: &[] };

/// Tags of Qwen 3 Coder and those after it.
const FUNCTION: Tags = Tags {
    name: ["<function=", ">"],
    key: ["<parameter=", ">"],
    value: ["", "</parameter>"],
    text: "",
};

/// Tags of GLM.
const ARG_KEY: Tags = Tags {
    name: ["", "<"],
    key: ["<arg_key>", "</arg_key>"],
    value: ["<arg_value>", "</arg_value>"],
    text: "",
};

const ACTION: Format = Format { signs: &["Action:", "```json"], close: "```", ..JSON };

const TOOL_CALL: Format = Format { open: "<tool_call>", close: "</tool_call>", ..JSON };

/// All of them; where two share a mark, each is tried.
pub(super) static FORMATS: &[Format] = &[
    // Hermes, Qwen 2.5 and 3, SmolLM 3, Granite 4.
    Format { signs: &["<tool_call>", "</tool_call>"], ..TOOL_CALL },
    Format { signs: &["<tool_call>", "<function="], body: Body::Tags(FUNCTION), ..TOOL_CALL },
    Format { signs: &["<tool_call>", "<arg_key>"], body: Body::Tags(ARG_KEY), ..TOOL_CALL },
    Format {
        open: "<seed:tool_call>",
        close: "</seed:tool_call>",
        body: Body::Tags(FUNCTION),
        ..JSON
    },
    Format {
        open: "<tool_call:opensource>",
        close: "</tool_call:opensource>",
        body: Body::Tags(Tags {
            name: ["", "<"],
            key: ["<arg_key:opensource>", "</arg_key:opensource>"],
            value: ["<arg_value:opensource>", "</arg_value:opensource>"],
            text: "",
        }),
        around: &["<tool_calls:opensource>", "</tool_calls:opensource>"],
        ..JSON
    },
    // Apriel, MiniMax M1, Nemotron Nano 2.
    Format { signs: &["<tool_calls>"], open: "<tool_calls>", close: "</tool_calls>", ..JSON },
    Format { signs: &["<TOOLCALL>"], open: "<TOOLCALL>", close: "</TOOLCALL>", ..JSON },
    // Phi-4-mini, and Granite 3.
    Format { signs: &["<|/tool_call|>"], open: "<|tool_call|>", close: "<|/tool_call|>", ..JSON },
    Format { signs: &["<|tool_call|>"], open: "<|tool_call|>", ..JSON },
    // Command R7B and Command A, and Command R.
    Format {
        signs: &["<|START_ACTION|>"],
        open: "<|START_ACTION|>",
        close: "<|END_ACTION|>",
        ..JSON
    },
    Format { open: "Action: ```json", ..ACTION },
    Format { open: "Action:\n```json", ..ACTION },
    // Mistral: a list, a name with arguments, a name with an identity and arguments.
    Format { signs: &["[TOOL_CALLS]"], open: "[TOOL_CALLS]", ..JSON },
    Format {
        signs: &["[TOOL_CALLS]", "[ARGS]"],
        open: "[TOOL_CALLS]",
        body: Body::Pattern(&[Piece::Name, Piece::Text("[ARGS]"), Piece::Arguments]),
        ..JSON
    },
    Format {
        signs: &["[TOOL_CALLS]", "[CALL_ID]"],
        open: "[TOOL_CALLS]",
        body: Body::Pattern(&[
            Piece::Name,
            Piece::Text("[CALL_ID]"),
            Piece::Id,
            Piece::Text("[ARGS]"),
            Piece::Arguments,
        ]),
        ..JSON
    },
    // DeepSeek V3 and R1, V3.1, V3.2 and V4.
    Format {
        signs: &["<｜tool▁call▁begin｜>", "```json"],
        body: Body::Pattern(&[
            Piece::Skip,
            Piece::Text("<｜tool▁sep｜>"),
            Piece::Name,
            Piece::Text("\n```json\n"),
            Piece::Arguments,
            Piece::Text("\n```"),
        ]),
        ..DEEPSEEK
    },
    Format {
        signs: &["<｜tool▁call▁begin｜>"],
        body: Body::Pattern(&[Piece::Name, Piece::Text("<｜tool▁sep｜>"), Piece::Arguments]),
        ..DEEPSEEK
    },
    Format {
        signs: &["｜DSML｜"],
        open: "<｜DSML｜invoke",
        close: "</｜DSML｜invoke>",
        body: Body::Tags(Tags {
            name: [" name=\"", "\""],
            key: ["<｜DSML｜parameter name=\"", "\""],
            value: [">", "</｜DSML｜parameter>"],
            text: "string=\"true\"",
        }),
        around: &[
            "<｜DSML｜tool_calls>",
            "</｜DSML｜tool_calls>",
            "<｜DSML｜function_calls>",
            "</｜DSML｜function_calls>",
        ],
    },
    // gpt-oss: as its template writes it, and as it does itself.
    Format {
        signs: &["<|channel|>", "to=functions."],
        body: Body::Pattern(&[
            Piece::Name,
            Piece::Text("<|"),
            Piece::Skip,
            Piece::Text("<|message|>"),
            Piece::Arguments,
        ]),
        ..HARMONY
    },
    Format {
        signs: &["<|channel|>", "to=functions."],
        body: Body::Pattern(&[Piece::Name, Piece::Text("<|message|>"), Piece::Arguments]),
        ..HARMONY
    },
    // Gemma 4.
    Format {
        signs: &["<|tool_call>", "<tool_call|>"],
        open: "<|tool_call>",
        close: "<tool_call|>",
        body: Body::Gemma,
        ..JSON
    },
    // LFM 2, and OLMo 3.
    Format {
        signs: &["<|tool_call_start|>"],
        open: "<|tool_call_start|>",
        close: "<|tool_call_end|>",
        body: Body::Python,
        ..JSON
    },
    Format {
        signs: &["<function_calls>"],
        open: "<function_calls>",
        close: "</function_calls>",
        body: Body::Python,
        ..JSON
    },
    // Llama 3 and 4: the tools that are built in, others after the same mark, others alone.
    Format { signs: &["<|python_tag|>"], open: "<|python_tag|>", body: Body::Python, ..JSON },
    Format { signs: &["<|python_tag|>"], open: "<|python_tag|>", ..JSON },
    Format {
        signs: &["<|python_start|>"],
        open: "<|python_start|>",
        close: "<|python_end|>",
        body: Body::Python,
        ..JSON
    },
    Format { around: &["<|python_start|>", "<|python_end|>"], ..JSON },
    Format { signs: &["func_name1(params_name1="], body: Body::Python, ..JSON },
    // Kimi K2, Kimi K3, Solar.
    Format {
        signs: &["<|tool_call_begin|>", "<|tool_call_argument_begin|>"],
        open: "<|tool_call_begin|>",
        close: "<|tool_call_end|>",
        body: Body::Pattern(&[
            Piece::Text("functions."),
            Piece::Name,
            Piece::Text(":"),
            Piece::Skip,
            Piece::Text("<|tool_call_argument_begin|>"),
            Piece::Arguments,
        ]),
        around: &["<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"],
    },
    Format {
        signs: &[],
        open: "<|open|>call",
        close: "<|close|>call<|sep|>",
        body: Body::Tags(Tags {
            name: [" tool=\"", "\""],
            key: ["<|open|>argument key=\"", "\""],
            value: ["<|sep|>", "<|close|>argument<|sep|>"],
            text: "type=\"string\"",
        }),
        around: &["<|open|>tools<|sep|>", "<|close|>tools<|sep|>"],
    },
    Format {
        open: "<|tool_call:begin|>",
        close: "<|tool_call:end|>",
        body: Body::Pattern(&[
            Piece::Id,
            Piece::Text("<|tool_call:name|>"),
            Piece::Name,
            Piece::Text("<|tool_call:args|>"),
            Piece::Arguments,
        ]),
        around: &["<|tool_calls|>"],
        ..JSON
    },
    // Muse, MiniCPM 5, MiniMax M3, GigaChat.
    Format {
        open: "<atem:invoke",
        close: "</atem:invoke>",
        body: Body::Tags(Tags {
            name: [" name=\"", "\""],
            key: ["<atem:parameter name=\"", "\""],
            value: [">", "</atem:parameter>"],
            text: "string=\"true\"",
        }),
        around: &["<atem:function_calls>", "</atem:function_calls>"],
        ..JSON
    },
    Format {
        open: "<function name=\"",
        close: "</function>",
        body: Body::Tags(Tags {
            name: ["", "\""],
            key: ["<param name=\"", "\""],
            value: [">", "</param>"],
            text: "",
        }),
        ..JSON
    },
    Format {
        open: "]<]minimax[>[<tool_call>",
        close: "]<]minimax[>[</tool_call>",
        body: Body::Elements("]<]minimax[>["),
        ..JSON
    },
    Format { open: "<|function_call|>", ..JSON },
    Format { open: "function call<|role_sep|>", close: "<|message_sep|>", ..JSON },
];

const DEEPSEEK: Format = Format {
    open: "<｜tool▁call▁begin｜>",
    close: "<｜tool▁call▁end｜>",
    around: &["<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"],
    ..JSON
};

const HARMONY: Format = Format { open: " to=functions.", close: "<|call|>", ..JSON };
