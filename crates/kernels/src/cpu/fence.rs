//! Weights beside a page that nobody may read: a kernel that reads past them ends the test.

use std::ptr;

/// Bytes that end where a page begins that nobody may read.
pub(super) struct Fenced {
    begin: *mut u8,
    len: usize,
    mapped: usize,
}

// SAFETY: the pages belong to this value alone, and are only read once it is made.
unsafe impl Send for Fenced {}
// SAFETY: as above.
unsafe impl Sync for Fenced {}

impl Fenced {
    const PAGE: usize = 1 << 16;

    pub(super) fn new(bytes: &[u8]) -> Self {
        let readable = bytes.len().next_multiple_of(Self::PAGE);
        let mapped = readable + Self::PAGE;
        let (prot, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
        // SAFETY: asks for new pages, wherever there is room.
        let start = unsafe { libc::mmap(ptr::null_mut(), mapped, prot, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED, "memory for a small weight");
        // SAFETY: the offsets are within the `mapped` bytes that `mmap` gave just now.
        let (begin, fence) =
            unsafe { (start.byte_add(readable - bytes.len()), start.byte_add(readable)) };
        // SAFETY: `begin` has room for all of `bytes` before `fence`, and nobody else has it.
        unsafe { begin.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        // SAFETY: the last page of what was mapped; nothing is there.
        let done = unsafe { libc::mprotect(fence, Self::PAGE, libc::PROT_NONE) };
        assert_eq!(done, 0, "a page that can be fenced");
        Self { begin: begin.cast(), len: bytes.len(), mapped }
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        // SAFETY: `new` mapped these pages, and nobody borrows them any more.
        unsafe {
            let start = self.begin.byte_add(self.len).byte_add(Self::PAGE).byte_sub(self.mapped);
            libc::munmap(start.cast(), self.mapped);
        }
    }
}

impl AsRef<[u8]> for Fenced {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `new` put `len` bytes there, and nobody writes them.
        unsafe { std::slice::from_raw_parts(self.begin, self.len) }
    }
}
