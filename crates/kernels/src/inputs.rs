//! What the host has written to the inputs of a loaded plan, for its next run.
//!
//! Backends keep the rows themselves, wherever they like; this is where they agree on what a
//! write and a run may be.

use crate::{Basic, Error, Op, Plan, Shape, Tensor};

/// The inputs of a plan, and how many numbers of each have been written since the last run.
pub(crate) struct Inputs {
    max: Shape,
    all: Vec<(Tensor, usize)>,
}

impl Inputs {
    /// Those of `plan`, for batches of up to `max`.
    pub(crate) fn new(plan: &Plan, max: Shape) -> Self {
        let inputs = plan.steps().iter().filter(|step| step.op == Op::Basic(Basic::Input));
        Self { max, all: inputs.map(|step| (step.out[0], 0)).collect() }
    }

    /// Notes that `len` numbers are written to `input`; panics if that is no input of the plan.
    pub(crate) fn write(&mut self, input: Tensor, len: usize) -> Result<(), Error> {
        let known = self.all.iter_mut().find(|it| it.0 == input);
        let (_, written) = known.expect("an input of this plan");
        let most = self.max.count(input.rows) * input.cols;
        if len > most {
            return Err(Error::Size { expected: most, found: len });
        }
        *written = len;
        Ok(())
    }

    /// Uses up what was written, if it is enough for a batch of this shape.
    pub(crate) fn take(&mut self, shape: Shape) -> Result<(), Error> {
        for &(input, found) in &self.all {
            let expected = shape.count(input.rows) * input.cols;
            if found < expected {
                return Err(Error::Size { expected, found });
            }
        }
        self.all.iter_mut().for_each(|it| it.1 = 0);
        Ok(())
    }
}
