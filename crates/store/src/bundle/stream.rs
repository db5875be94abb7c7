//! Copies and hashes at once: one thread reads and hashes while the other writes.

use std::{
    io::{self, Read, Write},
    sync::mpsc::{self, Receiver, SyncSender},
    thread,
};

use sha2::{Digest, Sha256};

use crate::digest::Sha256Hex;

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;
/// Pieces that are read before the first is written.
const AHEAD: usize = 4;

/// Which side failed; who hears of the pieces is on that of writing.
#[derive(Debug)]
pub(super) enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

/// Copies all of `from`; the digest and how many bytes that were. `each` hears of every piece, and
/// ends it with an error of its own.
pub(super) fn copy(
    from: impl Read + Send,
    to: &mut impl Write,
    each: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<(Sha256Hex, u64), CopyError> {
    copy_behind(Sha256::new(), from, to, each)
}

/// The same; the digest is that of what was hashed `before`, and of the copied behind it.
pub(super) fn copy_behind(
    before: Sha256,
    mut from: impl Read + Send,
    to: &mut impl Write,
    each: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<(Sha256Hex, u64), CopyError> {
    let (filled, pieces) = mpsc::sync_channel(AHEAD);
    let (empty, buffers) = mpsc::channel();
    thread::scope(|scope| {
        let reader = scope.spawn(move || read(before, &mut from, &filled, &buffers));
        let written = pieces.iter().try_for_each(|piece: Vec<u8>| -> io::Result<()> {
            to.write_all(&piece)?;
            each(piece.len() as u64)?;
            // The reader may be done, and then nobody needs the buffer.
            let _ = empty.send(piece);
            Ok(())
        });
        // So that a reader that waits for room ends, too.
        drop(pieces);
        let read = reader.join().expect("reading and hashing do not panic");
        written.map_err(CopyError::Write)?;
        read.map_err(CopyError::Read)
    })
}

/// The hash of all of `from`, to go on with.
pub(super) fn hash(from: &mut impl Read) -> io::Result<Sha256> {
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        let n = fill(from, &mut piece)?;
        hash.update(&piece[..n]);
        if n < piece.len() {
            return Ok(hash);
        }
    }
}

fn read(
    mut hash: Sha256,
    from: &mut impl Read,
    filled: &SyncSender<Vec<u8>>,
    buffers: &Receiver<Vec<u8>>,
) -> io::Result<(Sha256Hex, u64)> {
    let mut size = 0;
    loop {
        let mut piece = buffers.try_recv().unwrap_or_default();
        piece.resize(PIECE, 0);
        let n = fill(from, &mut piece)?;
        piece.truncate(n);
        hash.update(&piece);
        size += n as u64;
        if n == 0 || filled.send(piece).is_err() {
            return Ok((Sha256Hex::from(<[u8; 32]>::from(hash.finalize())), size));
        }
    }
}

/// As many bytes as there are and fit.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match from.read(&mut buffer[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `0` bytes and then no more.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[track_caller]
    fn check(size: usize) {
        let bytes: Vec<u8> = (0..size).map(|it| it as u8).collect();
        let (mut copied, mut heard) = (Vec::new(), 0);
        let found = copy(&bytes[..], &mut copied, &mut |n| {
            heard += n;
            Ok(())
        })
        .unwrap();
        assert_eq!(found, (Sha256Hex::of(&bytes), size as u64));
        assert_eq!((copied == bytes, heard), (true, size as u64));
    }

    #[test]
    fn every_byte_is_copied_and_hashed() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 7 * PIECE + 3] {
            check(size);
        }
    }

    #[test]
    fn a_side_that_fails_ends_both() {
        let bytes = vec![0; 20 * PIECE];
        let error = copy(&bytes[..], &mut Full(2 * PIECE), &mut |_| Ok(())).unwrap_err();
        assert!(matches!(error, CopyError::Write(_)), "{error:?}");
        let broken = (&bytes[..PIECE]).chain(Broken);
        let error = copy(broken, &mut Vec::new(), &mut |_| Ok(())).unwrap_err();
        assert!(matches!(error, CopyError::Read(_)), "{error:?}");
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}
