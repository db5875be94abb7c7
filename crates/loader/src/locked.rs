//! Weights that stay in memory: the system neither gives their pages to somebody else nor writes
//! them out, as long as they are there.

use std::io;

use crate::{ModelFile, mmap::Pages};

impl ModelFile {
    /// Bytes of the pages that its weights lie in, those of adapters among them. Weights that are
    /// computed when they are first looked at are computed now.
    pub fn page_bytes(&self) -> u64 {
        self.pages().bytes()
    }

    /// Of these pages, those of mapped files: they may still have to come from the disk.
    pub fn mapped_page_bytes(&self) -> u64 {
        let is_mapped = |part: &&[u8]| {
            let mut mapped = self.mappings.iter().filter(|it| it.is_mapped());
            mapped.any(|it| it.as_ref().as_ptr_range().contains(&part.as_ptr()))
        };
        Pages::of(self.parts().filter(is_mapped)).bytes()
    }

    /// Locks these pages in memory, all of them or none; what is on the disk alone is read.
    ///
    /// # Errors
    ///
    /// If the system does not let this process lock so much, or a page cannot be read.
    pub fn lock(&self) -> io::Result<()> {
        self.pages().lock()
    }

    fn pages(&self) -> Pages {
        Pages::of(self.parts())
    }

    /// The bytes of all weights.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let adapters = self.low_rank.values().flatten().flat_map(|it| [&it.a, &it.b]);
        let tensors = self.tensors.values().chain(adapters);
        tensors.flat_map(|it| &it.parts).map(|it| &**it)
    }
}
