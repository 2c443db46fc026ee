//! Ids as the platform makes them: 24 hex digits that begin with a Unix time, and UUIDs of version 4.

use crate::rng::Rng;

/// An entity id: seconds since 1970, then 64 bits of chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    seconds: u32,
    tail: u64,
}

impl Id {
    pub(crate) fn new(rng: &mut Rng, created_us: i64) -> Self {
        Self { seconds: (created_us / 1_000_000) as u32, tail: rng.next() }
    }

    pub(crate) fn hex(self) -> [u8; 24] {
        let mut out = [0; 24];
        hex(&mut out[..8], u64::from(self.seconds));
        hex(&mut out[8..], self.tail);
        out
    }
}

pub(crate) fn uuid_v4(rng: &mut Rng) -> [u8; 36] {
    let high = rng.next() & !0xf000 | 0x4000;
    let low = rng.next() & !(3 << 62) | 2 << 62;
    let mut out = [b'-'; 36];
    hex(&mut out[..8], high >> 32);
    hex(&mut out[9..13], high >> 16);
    hex(&mut out[14..18], high);
    hex(&mut out[19..23], low >> 48);
    hex(&mut out[24..], low);
    out
}

/// The last digits of `bits`, as many as `out` holds.
fn hex(out: &mut [u8], mut bits: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(bits & 15) as usize];
        bits >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn an_id_begins_with_its_time() {
        let id = Id { seconds: 0x6789_abcd, tail: 0x0123_4567_89ab_cdef };
        assert_eq!(&id.hex(), b"6789abcd0123456789abcdef");
    }

    #[test]
    fn a_uuid_says_version_4_and_variant_1() {
        let mut rng = Rng::new(3, Stream::Events);
        for _ in 0..100 {
            let uuid = uuid_v4(&mut rng);
            assert_eq!(uuid[14], b'4');
            assert!(b"89ab".contains(&uuid[19]));
            assert_eq!(uuid.iter().filter(|byte| **byte == b'-').count(), 4);
        }
    }
}
