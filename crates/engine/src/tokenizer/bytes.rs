//! The byte alphabet of GPT-2: each byte has a printable character, so that a vocabulary of byte
//! strings can be written as text. `Ġ` is a space, `Ċ` a line feed.
//!
//! Printable ASCII and Latin-1 stand for themselves, the other 68 bytes for U+0100 and on.

/// The character that stands for `byte`.
pub(super) fn char_of(byte: u8) -> char {
    char::from_u32(match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => u32::from(byte),
        0..=b' ' => 0x100 + u32::from(byte),
        0x7f..=0xa0 => 0x100 + 33 + u32::from(byte - 0x7f),
        0xad => 0x100 + 67,
    })
    .expect("below U+0144")
}

/// The byte that `char` stands for.
pub(super) fn byte_of(char: char) -> Option<u8> {
    let code = u32::from(char);
    let byte = match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => code,
        0x100..=0x120 => code - 0x100,
        0x121..=0x142 => code - 0x121 + 0x7f,
        0x143 => 0xad,
        _ => return None,
    };
    Some(byte as u8)
}

/// Appends what `text` stands for; `None` if a character stands for no byte.
pub(super) fn decode(text: &str, bytes: &mut Vec<u8>) -> Option<()> {
    for char in text.chars() {
        bytes.push(byte_of(char)?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_character_of_its_own() {
        for byte in 0..=0xff {
            assert_eq!(byte_of(char_of(byte)), Some(byte));
        }
        assert_eq!((char_of(b' '), char_of(b'\n'), char_of(0xad)), ('Ġ', 'Ċ', 'Ń'));
        assert_eq!(byte_of(' '), None);
    }
}
