//! Fake secrets. Every text under a secret key of the contract holds a marker, so a byte search over tables, logs and
//! dead letters finds a leak. Numbers, booleans and nulls under such keys hold none.

use crate::rng::Rng;

/// Every text under a secret key holds one of these, and no other text of any event does: the first stands in words and
/// numbers, the second in dates.
pub const SECRET_MARKERS: &[&str] = &["zQ9x", "1907-07-"];

/// Stands in every supplier's `tax_id`, which has a column of its own (`suppliers.tax_id`) but belongs nowhere else.
pub const TAX_ID_MARKER: &str = "tX7q";

/// The marker of [`SECRET_MARKERS`] for words and numbers.
pub(crate) const MARKER: &str = "zQ9x";

/// The look of a bcrypt hash: 60 characters.
pub(crate) fn password_hash(rng: &mut Rng) -> [u8; 60] {
    const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut out = *b"$2b$12$zQ9x.................................................";
    for chunk in out[11..].chunks_mut(10) {
        let bits = rng.next();
        for (index, byte) in chunk.iter_mut().enumerate() {
            *byte = ALPHABET[(bits >> (6 * index) & 63) as usize];
        }
    }
    out
}

/// A day of the marked month, in a year when no customer was born.
pub(crate) fn date(rng: &mut Rng) -> String {
    format!("1907-07-{:02}T{:02}:00:00", rng.between(1, 31), rng.below(24))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn every_secret_is_marked() {
        let mut rng = Rng::new(1, Stream::Events);
        let hash = password_hash(&mut rng);
        assert!(
            hash.is_ascii() && hash.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
        );
        assert!(date(&mut rng).starts_with(SECRET_MARKERS[1]));
        assert!(SECRET_MARKERS.contains(&MARKER));
    }
}
