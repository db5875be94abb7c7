//! What `ingle fit` foretold of a model, held beside what came true.

use engine::Info;
use serde::Serialize;
use store::Home;

use super::{
    measure::Test,
    table::{self, Row},
};
use crate::{
    forecast::{CHUNK, Kept, ago, predicted},
    speed::Speed,
    terminal,
};

/// What was foretold of a test.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Told {
    /// Tokens a second.
    foretold_ts: Option<f64>,
    /// When that was measured which it goes by.
    foretold_at: Option<String>,
    /// Why not to rely on that.
    foretold_doubt: Option<String>,
}

/// What is known from before.
pub(super) struct Foretold {
    kept: Kept,
    processor: String,
}

impl Foretold {
    /// Reads it: to be done before this process gives up files.
    pub(super) fn read(home: &Home) -> Self {
        Self { kept: Kept::read(home), processor: Speed::processor() }
    }

    /// What was foretold of a test of the model of `info`, of whose prompts a step computes so many
    /// tokens.
    pub(super) fn of(&self, info: &Info, test: Test, n_batch: usize) -> Told {
        let Some(predicted) = predicted(&self.kept, &self.processor, info) else {
            return Told::default();
        };
        let foretold_ts = match test {
            // What is foretold of prompts goes by the usual steps.
            Test::Prompt { n, depth } if n_batch.min(n) == CHUNK.min(n) => {
                predicted.prompt(n, depth)
            }
            Test::Generate { n, depth, sequences: 1 } => predicted.answer(n, depth),
            Test::Prompt { .. } | Test::Generate { .. } | Test::Drafted { .. } => None,
            Test::Text { n } => predicted.answer(n, 0),
        };
        let foretold_at = foretold_ts.map(|_| predicted.at().to_owned());
        let foretold_doubt = foretold_ts.and_then(|_| predicted.doubt());
        Told { foretold_ts, foretold_at, foretold_doubt }
    }
}

/// Says of each test what was foretold, if it was.
pub(super) fn tell(rows: &[Row]) {
    for (label, row) in table::labels(rows).iter().zip(rows) {
        let Told { foretold_ts, foretold_at, foretold_doubt } = &row.foretold;
        if let (Some(foretold), Some(at)) = (foretold_ts, foretold_at) {
            let by = match foretold_doubt {
                Some(doubt) => format!("{}; {doubt}", ago(at)),
                None => ago(at),
            };
            terminal::tell(line(label, *foretold, row.speed(), &by));
        }
    }
}

/// `by` says when that was measured which it goes by, and why not to rely on it.
fn line(test: &str, foretold: f64, real: f64, by: &str) -> String {
    let off = (foretold / real.max(1e-9) - 1.0) * 100.0;
    let beside = match off.abs().round() {
        0.0 => "as was measured".to_owned(),
        off_by if off > 0.0 => format!("{off_by}% more than was measured"),
        off_by => format!("{off_by}% less than was measured"),
    };
    format!(
        "note: `ingle fit` foretold {foretold:.2} t/s for {test}, {beside}; it went by what it \
         measured {by}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_foretold_is_held_beside_what_came_true() {
        let check = |foretold, real, expected: &str| {
            let expected = format!(
                "note: `ingle fit` foretold {expected}; it went by what it measured 2 days ago"
            );
            assert_eq!(line("pp512", foretold, real, "2 days ago"), expected);
        };
        check(100.0, 100.4, "100.00 t/s for pp512, as was measured");
        check(115.0, 100.0, "115.00 t/s for pp512, 15% more than was measured");
        check(0.5, 1.0, "0.50 t/s for pp512, 50% less than was measured");
    }
}
