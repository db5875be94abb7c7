//! The loaded plans of a device, by the ids that it gave out.
//!
//! An id is never given out twice, so one that was unloaded cannot come to mean another plan.

use std::ops::{Index, IndexMut};

use crate::{Owner, PlanId};

pub(crate) struct Loaded<T> {
    device: Owner,
    all: Vec<Option<T>>,
}

impl<T> Loaded<T> {
    pub(crate) fn new(device: Owner) -> Self {
        Self { device, all: vec![] }
    }

    pub(crate) fn push(&mut self, plan: T) -> PlanId {
        self.all.push(Some(plan));
        PlanId { device: self.device, id: self.all.len() - 1 }
    }

    pub(crate) fn remove(&mut self, plan: PlanId) {
        let found = self.all[plan.on(self.device)].take();
        assert!(found.is_some(), "a plan that was unloaded");
    }
}

impl<T> Index<PlanId> for Loaded<T> {
    type Output = T;

    fn index(&self, plan: PlanId) -> &T {
        self.all[plan.on(self.device)].as_ref().expect("a plan that is loaded")
    }
}

impl<T> IndexMut<PlanId> for Loaded<T> {
    fn index_mut(&mut self, plan: PlanId) -> &mut T {
        self.all[plan.on(self.device)].as_mut().expect("a plan that is loaded")
    }
}
