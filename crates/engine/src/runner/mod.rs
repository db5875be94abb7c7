//! Runs a model's plan on its backend: a batch in, rows of logits out.
//!
//! Knows no sequence and no sampler. A step allocates nothing; when it gives numbers that are not
//! finite, `diagnose` finds the operation.

mod diagnose;

use kernels::{Backend, Batch, Plan, PlanId, Shape, Tensor};

use crate::{Error, LoadError, arch::Loaded};

/// A loaded plan and the backend that holds it.
pub struct Runner {
    backend: Box<dyn Backend>,
    plan: Plan,
    id: PlanId,
    logits: Tensor,
    max: Shape,
}

impl Runner {
    /// Records the plan of `model`, whose weights `backend` holds, and what adapters add to them, and
    /// loads it for batches of up to `max`.
    ///
    /// # Errors
    ///
    /// If the backend has no memory for it.
    pub fn new(
        model: &Loaded,
        mut backend: Box<dyn Backend>,
        max: Shape,
    ) -> Result<Self, LoadError> {
        let (plan, logits) = record(model);
        let id = backend.load(&plan, max)?;
        Ok(Self { backend, plan, id, logits, max })
    }

    /// Runs `batch` and shows the logits of each row in `batch.out`, one after the other.
    ///
    /// # Errors
    ///
    /// If the batch is larger than `max`, or the backend fails.
    pub fn step(&mut self, batch: &Batch, see: kernels::See<'_>) -> Result<(), Error> {
        self.backend.run(self.id, batch)?;
        if !batch.out.is_empty() {
            self.backend.read(self.id, self.logits, see)?;
        }
        Ok(())
    }

    /// The largest batch.
    pub fn max(&self) -> Shape {
        self.max
    }

    /// Columns of a row of logits.
    pub fn vocab(&self) -> usize {
        self.logits.cols
    }

    /// An empty backend beside its own, see [`Backend::beside`].
    pub fn beside(&self) -> Box<dyn Backend> {
        self.backend.beside()
    }

    /// The backend's name.
    pub fn device(&self) -> &str {
        &self.backend.info().name
    }

    /// Bytes of memory that a step works in.
    pub fn scratch(&self) -> u64 {
        self.backend.scratch(&self.plan, self.max)
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// The plan of `model` and what adapters add to it, and its logits.
pub(crate) fn record(loaded: &Loaded) -> (Plan, Tensor) {
    let Loaded { model, low_rank, tables, scales, .. } = loaded;
    let mut plan = Plan::new();
    scales.iter().for_each(|(w, it)| plan.scale_weight(*w, *it));
    low_rank.iter().for_each(|(w, it)| plan.adapt(*w, *it));
    tables.iter().for_each(|(w, it)| plan.adapt_table(*w, *it));
    let logits = model.forward(&mut plan);
    plan.port(logits);
    (plan, logits)
}
