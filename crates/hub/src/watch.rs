//! Who follows what the hub does, and may stop it.

/// Follows a download, from several threads at once.
pub trait Watch: Sync {
    /// So many bytes there are in all, and so many of them were fetched before.
    fn begin(&self, total: u64, had: u64);

    /// So many more have come.
    fn advance(&self, bytes: u64);

    /// So many that were counted are to come again.
    fn rewind(&self, bytes: u64);

    /// Something that a person should know.
    fn note(&self, what: &str);

    /// Whether to stop; asked several times a second.
    fn stop(&self) -> bool;
}
