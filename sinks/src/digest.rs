//! What a view holds, in 128 bits: equal for equal rows, whatever the order in which they came and went.
//!
//! The digest of a view is the wrapping sum over its rows of `xxh3_128` of each row's canonical bytes: postcard
//! of the row's fields with every name spelled out, seeded by the view's name. A sum can be kept up to date
//! row by row, needs no order, and does not depend on how names are interned. The digest of a store is the
//! sum over its views.

use gemba_schemas::view::{ViewKind, ViewRow};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

/// The digest of a set of rows, and their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewDigest {
    /// Number of rows.
    pub rows: u64,
    /// The sum.
    pub sum: u128,
}

// The variant's index is the first byte of a row's postcard form (a varint), and is left out of the hash:
// the view's name stands for it, so that declaring another view changes no digest.
const _: () = assert!(ViewKind::ALL.len() < 128);

impl ViewDigest {
    /// Adds (`diff` = 1) or takes away (`diff` = -1) a row.
    pub fn update(&mut self, row: &ViewRow, diff: i64) {
        let seed = xxh3_64(row.kind().table().name.as_bytes());
        self.update_seeded(row, diff, seed, &mut Vec::new());
    }

    /// Adds or takes away many rows of one view.
    pub(crate) fn update_all<'a>(&mut self, view: ViewKind, rows: impl Iterator<Item = &'a ViewRow>, diff: i64) {
        let seed = xxh3_64(view.table().name.as_bytes());
        let mut scratch = Vec::new();
        for row in rows {
            self.update_seeded(row, diff, seed, &mut scratch);
        }
    }

    fn update_seeded(&mut self, row: &ViewRow, diff: i64, seed: u64, scratch: &mut Vec<u8>) {
        scratch.clear();
        // Writing integers, bools and texts to memory does not fail.
        if let Ok(bytes) = postcard::to_extend(row, std::mem::take(scratch)) {
            let hash = xxh3_128_with_seed(bytes.get(1..).unwrap_or_default(), seed);
            self.sum = self.sum.wrapping_add(hash.wrapping_mul(i128::from(diff) as u128));
            self.rows = self.rows.wrapping_add(diff as u64);
            *scratch = bytes;
        }
    }

    /// The digest of several views together.
    pub fn total<'a>(digests: impl IntoIterator<Item = &'a Self>) -> Self {
        digests
            .into_iter()
            .fold(Self::default(), |t, d| Self { rows: t.rows.wrapping_add(d.rows), sum: t.sum.wrapping_add(d.sum) })
    }

    /// The sum as 32 hex digits.
    pub fn hex(&self) -> String {
        format!("{:032x}", self.sum)
    }

    /// Back from [`ViewDigest::hex`].
    pub(crate) fn from_hex(rows: u64, hex: &str) -> Option<Self> {
        Some(Self { rows, sum: u128::from_str_radix(hex, 16).ok()? })
    }
}
