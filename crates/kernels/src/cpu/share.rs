//! Memory that several threads use at once, behind an interface that keeps them apart.
//!
//! This is the only place where a thread gets at numbers that another may be writing. Kernels
//! see a [`Turn`]: one phase of the [`Schedule`], as one thread has it. It shows what the phase
//! reads, and hands out [`Tile`]s of what it writes. That is safe because
//!
//! 1. a tile is claimed by counting up: no two threads get the same, and tiles do not overlap;
//! 2. what a phase writes overlaps nothing that it reads, which `Schedule::new` has asserted;
//! 3. between phases that touch the same numbers, all threads meet, which `Schedule::new` has
//!    arranged and [`Memory::run`] does;
//! 4. nothing that a turn shows outlives the turn.

use std::{
    alloc::{Layout, alloc_zeroed},
    cell::UnsafeCell,
    ops::Range,
    slice,
    sync::atomic::{AtomicUsize, Ordering},
};

use half::{f16, slice::HalfBitsSliceExt};

use super::{
    pool::Pool,
    quantise::Q8Block,
    schedule::{Area, Phase, Place, Rect, Schedule},
};
use crate::{CacheFormat, CacheSpec, Error, Plan, Shape};

/// All that runs write to. Caches and states are empty until a plan is loaded that has them: who
/// only asks for sizes takes no memory.
#[derive(Default)]
pub(super) struct Memory {
    /// Scratch of all programs: one runs at a time.
    pub(super) numbers: Shared<f32>,
    pub(super) blocks: Shared<Q8Block>,
    pub(super) caches: Vec<Paged>,
    /// Slot after slot.
    pub(super) states: Vec<Shared<f32>>,
}

/// The keys and values of one layer.
pub(super) struct Paged {
    pub(super) k: Pages,
    pub(super) v: Pages,
}

/// The numbers of a cache.
pub(super) enum Pages {
    F32(Shared<f32>),
    /// The bits of `f16`, which the system hands out zeroed without touching them.
    F16(Shared<u16>),
    /// The blocks of a format, row after row.
    Packed(Shared<u8>, CacheFormat),
}

/// Items that threads use at once.
pub(super) struct Shared<T>(Box<[UnsafeCell<T>]>);

// SAFETY: items are reached through `&self` only by a `Turn`, for the reasons at the top.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

/// One phase of a run, as one thread has it.
pub(super) struct Turn<'a> {
    /// Of the threads.
    pub(super) thread: usize,
    pub(super) phase: &'a Phase,
    threads: usize,
    shape: Shape,
    memory: &'a Memory,
    /// The next tile that nobody has claimed.
    next: &'a AtomicUsize,
}

/// A part of what a phase writes, which one thread writes alone.
pub(super) struct Tile<'a> {
    turn: &'a Turn<'a>,
    pub(super) place: Place,
}

/// Rows of a tile, to write.
pub(super) struct Part<'a, T> {
    items: &'a Shared<T>,
    begin: usize,
    stride: usize,
    pub(super) rows: Range<usize>,
    pub(super) cols: Range<usize>,
}

/// The stored numbers of a cache, to read.
#[derive(Clone, Copy)]
pub(super) enum Stored<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    Packed(&'a [u8], CacheFormat),
}

/// Some columns of a cache, to write.
pub(super) enum StoredPart<'a> {
    F32(Part<'a, f32>),
    F16(Part<'a, u16>),
    /// Its columns are bytes.
    Packed(Part<'a, u8>, CacheFormat),
}

impl Memory {
    /// Takes the memory of the caches and states of `plan` that have none yet.
    pub(super) fn hold(&mut self, plan: &Plan, caches: &[CacheSpec]) -> Result<(), Error> {
        for op in plan.steps().iter().map(|step| &step.op) {
            if let Some(c) = op.cache() {
                self.caches[c.id].hold(&caches[c.id])?;
            }
            if let Some(s) = op.state() {
                self.states[s.id].grow(s.slots.saturating_mul(s.cols))?;
            }
        }
        Ok(())
    }

    /// Calls `work` on every thread of `pool` for every phase of `schedule`. `next` has an entry
    /// for each phase; nothing is allocated.
    pub(super) fn run(
        &mut self,
        pool: &mut Pool,
        (schedule, next): (&Schedule, &mut [AtomicUsize]),
        shape: Shape,
        work: &(dyn Fn(&Turn<'_>) + Sync),
    ) {
        assert_eq!(schedule.phases().len(), next.len(), "a counter a phase");
        assert!(schedule.admits(shape), "{shape:?} is more than the schedule was made for");
        next.iter_mut().for_each(|next| *next.get_mut() = 0);
        let (memory, next) = (&*self, &*next);
        pool.run(&|member| {
            for (phase, next) in schedule.phases().iter().zip(next) {
                if phase.meets_before() {
                    member.meet();
                }
                let (thread, threads) = (member.index, member.count);
                work(&Turn { thread, phase, threads, shape, memory, next });
            }
        });
    }
}

impl<'a> Turn<'a> {
    /// All rows of `rect`, a part of the arena that this phase reads.
    pub(super) fn numbers(&self, rect: &Rect) -> &[f32] {
        let Area::Numbers(begin) = rect.area else { panic!("{rect:?} is not of the arena") };
        assert!(self.phase.reads(rect), "{rect:?} is not read here");
        // SAFETY: this phase reads `rect`, so that nobody writes it now; see the top.
        unsafe { self.memory.numbers.slice(begin..begin + rect.len(self.shape)) }
    }

    /// The rounded rows that this phase reads.
    pub(super) fn blocks(&self, rect: &Rect) -> &[Q8Block] {
        assert!(rect.area == Area::Blocks && self.phase.reads(rect), "{rect:?} is not read here");
        // SAFETY: as in `numbers`.
        unsafe { self.memory.blocks.slice(0..rect.len(self.shape)) }
    }

    /// The keys or values of a cache that this phase reads.
    pub(super) fn stored(&self, rect: &Rect) -> Stored<'_> {
        assert!(self.phase.reads(rect), "{rect:?} is not read here");
        match self.memory.pages(rect.area) {
            // SAFETY: as in `numbers`.
            Pages::F32(all) => Stored::F32(unsafe { all.slice(0..all.0.len()) }),
            // SAFETY: as in `numbers`.
            Pages::F16(all) => Stored::F16(unsafe { all.slice(0..all.0.len()) }.reinterpret_cast()),
            Pages::Packed(all, format) => {
                // SAFETY: as in `numbers`.
                Stored::Packed(unsafe { all.slice(0..all.0.len()) }, *format)
            }
        }
    }

    /// Claims a tile, while there are any.
    pub(super) fn claim(&self) -> Option<Tile<'_>> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let place = self.phase.place(index, self.shape, self.threads)?;
        Some(Tile { turn: self, place })
    }
}

impl Tile<'_> {
    /// Its rows in the arena.
    pub(super) fn numbers(&mut self) -> Part<'_, f32> {
        self.numbers_of(self.place.output)
    }

    /// Its rows in the arena, and where they go rounded, if they do.
    pub(super) fn numbers_and_rounded(&mut self) -> (Part<'_, f32>, Option<Part<'_, Q8Block>>) {
        // Two borrows at once are sound because one is of the arena and the other is not.
        let this = &*self;
        (this.numbers_of(this.place.output), this.rounded())
    }

    /// Its rows in two outputs that are written together, and where those of the last go rounded, if
    /// they do.
    pub(super) fn both_numbers(&mut self) -> ([Part<'_, f32>; 2], Option<Part<'_, Q8Block>>) {
        // Two borrows at once are sound because outputs do not overlap; `place` gave the first
        // of outputs that are written together.
        assert_eq!(self.place.output, 0, "outputs that are written together");
        let this = &*self;
        ([this.numbers_of(0), this.numbers_of(1)], this.rounded())
    }

    /// Its rows in the arena, and its columns of all slots of the state that is written with them.
    pub(super) fn numbers_and_slots(&mut self) -> [Part<'_, f32>; 2] {
        // Two borrows at once are sound because one is of the arena and the other is not.
        let (this, phase) = (&*self, self.turn.phase);
        let (rect, times) = (phase.output(1), phase.state_times());
        let Area::State(id) = rect.area else { panic!("{rect:?} is not of a state") };
        let cols = this.place.cols.start * times..this.place.cols.end * times;
        let (items, rows) = (&this.turn.memory.states[id], 0..rect.rows(this.turn.shape));
        let slots = Part { items, begin: 0, stride: rect.cols, rows, cols };
        [this.numbers_of(0), slots]
    }

    /// Its rows of rounded activations.
    pub(super) fn blocks(&mut self) -> Part<'_, Q8Block> {
        let rect = self.turn.phase.output(self.place.output);
        assert_eq!(rect.area, Area::Blocks, "what this phase writes");
        self.part(&self.turn.memory.blocks, 0, rect)
    }

    /// Its columns of keys or values, for all places.
    pub(super) fn stored(&mut self) -> StoredPart<'_> {
        let rect = self.turn.phase.output(self.place.output);
        match self.turn.memory.pages(rect.area) {
            Pages::F32(all) => StoredPart::F32(self.part(all, 0, rect)),
            Pages::F16(all) => StoredPart::F16(self.part(all, 0, rect)),
            Pages::Packed(all, format) => {
                // Columns are cut between blocks, so that tiles have no byte in common.
                let bytes = |cols| format.row_bytes(cols).expect("tiles of whole blocks");
                let (rows, cols) = (self.place.rows.clone(), &self.place.cols);
                let cols = bytes(cols.start)..bytes(cols.end);
                let part = Part { items: all, begin: 0, stride: bytes(rect.cols), rows, cols };
                StoredPart::Packed(part, *format)
            }
        }
    }

    fn rounded(&self) -> Option<Part<'_, Q8Block>> {
        let rect = self.turn.phase.rounded()?;
        let Place { output, rows, cols } = &self.place;
        // So that no two tiles have a row in common.
        assert_eq!(cols.len(), self.turn.phase.output(*output).cols, "a tile of whole rows");
        assert_eq!(rect.area, Area::Blocks, "what this phase writes");
        let (items, rows) = (&self.turn.memory.blocks, rows.clone());
        Some(Part { items, begin: 0, stride: rect.cols, rows, cols: 0..rect.cols })
    }

    fn numbers_of(&self, output: usize) -> Part<'_, f32> {
        let rect = self.turn.phase.output(output);
        let Area::Numbers(begin) = rect.area else { panic!("{rect:?} is not of the arena") };
        self.part(&self.turn.memory.numbers, begin, rect)
    }

    fn part<'a, T>(&'a self, items: &'a Shared<T>, begin: usize, rect: &Rect) -> Part<'a, T> {
        let (rows, cols) = (self.place.rows.clone(), self.place.cols.clone());
        Part { items, begin, stride: rect.cols, rows, cols }
    }
}

impl<T> Part<'_, T> {
    /// Its columns of row `i` of the whole.
    pub(super) fn row(&mut self, i: usize) -> &mut [T] {
        assert!(self.rows.contains(&i), "row {i} is not of {:?}", self.rows);
        let row = self.begin + i * self.stride;
        // SAFETY: the row and the columns are of this part's tile, which one thread has, and
        // `&mut self` keeps that thread from having another slice of it; see the top.
        unsafe { self.items.slice_mut(row + self.cols.start..row + self.cols.end) }
    }
}

impl Memory {
    fn pages(&self, area: Area) -> &Pages {
        match area {
            Area::Keys(id) => &self.caches[id].k,
            Area::Values(id) => &self.caches[id].v,
            Area::Numbers(_) | Area::Blocks | Area::State(_) => {
                panic!("{area:?} is not of a cache")
            }
        }
    }
}

impl Paged {
    /// Of no places yet.
    pub(super) fn new(format: CacheFormat) -> Self {
        Self { k: Pages::new(format), v: Pages::new(format) }
    }

    /// Takes the memory that `spec` asks for, unless this has it.
    pub(super) fn hold(&mut self, spec: &CacheSpec) -> Result<(), Error> {
        self.k.hold(spec.places(), spec.k_cols)?;
        self.v.hold(spec.places(), spec.v_cols)
    }
}

impl Pages {
    fn new(format: CacheFormat) -> Self {
        match format {
            CacheFormat::F32 => Self::F32(Shared::default()),
            CacheFormat::F16 => Self::F16(Shared::default()),
            CacheFormat::BF16 | CacheFormat::Q8_0 | CacheFormat::Q4_0 => {
                Self::Packed(Shared::default(), format)
            }
        }
    }

    fn hold(&mut self, places: usize, cols: usize) -> Result<(), Error> {
        match self {
            Self::F32(all) => all.grow(places.saturating_mul(cols)),
            Self::F16(all) => all.grow(places.saturating_mul(cols)),
            Self::Packed(all, format) => {
                let row = format.row_bytes(cols).expect("whole blocks, as was checked");
                all.grow(places.saturating_mul(row))
            }
        }
    }
}

/// Numbers for which all bits zero is a value.
pub(super) trait Zeroed: Copy {}

impl Zeroed for f32 {}
impl Zeroed for u8 {}
impl Zeroed for u16 {}
impl Zeroed for Q8Block {}

impl<T: Zeroed> Shared<T> {
    /// `len` zeros. Of zeroed memory from the system, a page is not there before it is used; an
    /// allocator that gives out again what was freed writes all of it.
    fn zeroed(len: usize) -> Result<Self, Error> {
        let bytes = (len as u64).saturating_mul(size_of::<T>() as u64);
        if bytes == 0 {
            return Ok(Self::default());
        }
        let layout = Layout::array::<T>(len).map_err(|_| Error::Memory { bytes })?;
        // SAFETY: `layout` has a size, see above.
        let items = unsafe { alloc_zeroed(layout) }.cast::<UnsafeCell<T>>();
        if items.is_null() {
            return Err(Error::Memory { bytes });
        }
        // SAFETY: the allocation is of `len` items of `T`, whose layout `UnsafeCell<T>` has, and
        // all bits zero is a `T`, which is what `Zeroed` says.
        Ok(Self(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(items, len)) }))
    }

    /// Makes this at least `len` long. What it held is lost.
    pub(super) fn grow(&mut self, len: usize) -> Result<(), Error> {
        if len > self.0.len() {
            // Before the old ones go: plans that use them still run if this fails.
            *self = Self::zeroed(len)?;
        }
        Ok(())
    }
}

impl<T> Shared<T> {
    /// All items, for the one who has them all.
    pub(super) fn as_mut(&mut self) -> &mut [T] {
        // SAFETY: `UnsafeCell<T>` has the layout of `T`, and `&mut self` is exclusive.
        unsafe { &mut *(&raw mut *self.0 as *mut [T]) }
    }

    /// # Safety
    ///
    /// Nobody writes these items while the slice lives.
    unsafe fn slice(&self, items: Range<usize>) -> &[T] {
        let cells = &self.0[items];
        // SAFETY: the caller's, and `UnsafeCell<T>` has the layout of `T`.
        unsafe { &*(&raw const *cells as *const [T]) }
    }

    /// # Safety
    ///
    /// Nobody else reads or writes these items while the slice lives.
    #[expect(clippy::mut_from_ref, reason = "the items are in `UnsafeCell`s")]
    unsafe fn slice_mut(&self, items: Range<usize>) -> &mut [T] {
        let cells = &self.0[items];
        // SAFETY: the caller's; a cell may be written through `&self`, and has the layout of `T`.
        unsafe { slice::from_raw_parts_mut(UnsafeCell::raw_get(cells.as_ptr()), cells.len()) }
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> From<Vec<T>> for Shared<T> {
    fn from(items: Vec<T>) -> Self {
        let items = Box::into_raw(items.into_boxed_slice());
        // SAFETY: the box gave up its items just now, and `UnsafeCell<T>` has the layout of `T`.
        Self(unsafe { Box::from_raw(items as *mut [UnsafeCell<T>]) })
    }
}
