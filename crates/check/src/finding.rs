//! What one check found.

use std::{error::Error, fmt};

use serde::Serialize;

/// One check and how it went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub part: Part,
    /// Which of its checks.
    pub name: String,
    /// How it went.
    pub verdict: Verdict,
    /// What was compared, in words.
    pub detail: String,
    /// The worst difference, where numbers were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<f64>,
    /// The difference that is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<f64>,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Tiny models of the architecture.
    Logits,
    /// The kernels of the model's formats.
    Kernels,
    /// The model itself.
    Model,
    /// Text to ids and back.
    Tokens,
    /// Conversations to text.
    Template,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As recorded.
    Ok,
    /// Otherwise than recorded.
    Failed,
    /// Nothing is recorded to compare with.
    NotKnown,
    /// Not done, and the detail says why.
    Skipped,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Logits => "logits",
            Self::Kernels => "kernels",
            Self::Model => "model",
            Self::Tokens => "tokens",
            Self::Template => "template",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Failed => "FAILED",
            Self::NotKnown => "not known",
            Self::Skipped => "skipped",
        })
    }
}

impl Finding {
    pub(crate) fn new(
        part: Part,
        name: impl Into<String>,
        verdict: Verdict,
        detail: impl Into<String>,
    ) -> Self {
        let (name, detail) = (name.into(), detail.into());
        Self { part, name, verdict, detail, worst: None, allowed: None }
    }

    pub(crate) fn ok(part: Part, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(part, name, Verdict::Ok, detail)
    }

    pub(crate) fn failed(part: Part, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(part, name, Verdict::Failed, detail)
    }

    /// Failed for this reason, with what caused it.
    pub(crate) fn error(
        part: Part,
        name: impl Into<String>,
        error: &(dyn Error + 'static),
    ) -> Self {
        let mut detail = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !detail.ends_with(&text) {
                detail += &format!(": {text}");
            }
            cause = error.source();
        }
        Self::failed(part, name, detail)
    }

    pub(crate) fn not_known(
        part: Part,
        name: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(part, name, Verdict::NotKnown, detail)
    }

    pub(crate) fn skipped(part: Part, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(part, name, Verdict::Skipped, detail)
    }

    /// Failed unless `worst` is at most `allowed`, both of which are kept; NaN fails.
    pub(crate) fn within(self, worst: f64, allowed: f64) -> Self {
        let verdict = if worst <= allowed { self.verdict } else { Verdict::Failed };
        Self { verdict, worst: Some(worst), allowed: Some(allowed), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_fails() {
        let made = |worst| Finding::ok(Part::Logits, "a", "b").within(worst, 0.5).verdict;
        let verdicts = [0.5, 0.6, f64::NAN, f64::INFINITY].map(made);
        assert_eq!(verdicts, [Verdict::Ok, Verdict::Failed, Verdict::Failed, Verdict::Failed]);
    }
}
