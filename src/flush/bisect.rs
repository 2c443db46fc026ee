//! Which rows of a refused statement are at fault?
//!
//! Takes the answers to statements of fewer rows, gives the next statement to try. Holds true: a
//! row is blamed only after a statement of that row alone was refused, and every other row has
//! been in a statement that was not. One bad row of n takes between log₂ n and 2 log₂ n extra
//! statements. Absent: IO, SQL.
//!
//! ```text
//! 0..8 refused   try 0..4 refused   try 4..8 fine   try 0..2 fine   so 2..4: try 2..3 refused   try 3..4 fine
//! ```

use std::ops::Range;

/// The search in one statement's rows.
#[derive(Debug)]
pub struct Bisection {
    trials: Vec<Trial>,
}

/// Rows to try, and the rows beside them: together they were refused.
#[derive(Debug)]
struct Trial {
    rows: Range<usize>,
    beside: Option<Range<usize>>,
}

impl Bisection {
    /// A statement of these rows was refused.
    #[must_use]
    pub fn new(rows: Range<usize>) -> Self {
        let mut this = Self { trials: Vec::new() };
        this.split(rows);
        this
    }

    /// The rows to try next; `None` when every row is known.
    #[must_use]
    pub fn next(&self) -> Option<Range<usize>> {
        self.trials.last().map(|trial| trial.rows.clone())
    }

    /// The rows of [`Self::next`] were written.
    pub fn written(&mut self) {
        // So it is the rows beside them that the server refuses: no need to try them as a whole.
        if let Some(Trial { beside: Some(beside), .. }) = self.trials.pop() {
            self.split(beside);
        }
    }

    /// The rows of [`Self::next`] were refused. Returns the row if it was alone.
    pub fn refused(&mut self) -> Option<usize> {
        let Trial { rows, beside } = self.trials.pop()?;
        if let Some(rows) = beside {
            self.trials.push(Trial { rows, beside: None });
        }
        if rows.len() == 1 {
            return Some(rows.start);
        }
        self.split(rows);
        None
    }

    fn split(&mut self, rows: Range<usize>) {
        let middle = rows.start + rows.len() / 2;
        if rows.len() < 2 {
            self.trials.push(Trial { rows, beside: None });
        } else {
            let beside = Some(middle..rows.end);
            self.trials.push(Trial { rows: rows.start..middle, beside });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Searches on a server that refuses these rows; returns those found and the number of statements.
    fn search(rows: Range<usize>, bad: &BTreeSet<usize>) -> (Vec<usize>, usize) {
        let mut written = vec![0; rows.end];
        let mut bisection = Bisection::new(rows.clone());
        let (mut refused, mut statements) = (Vec::new(), 0);
        while let Some(tried) = bisection.next() {
            statements += 1;
            if tried.clone().any(|row| bad.contains(&row)) {
                refused.extend(bisection.refused());
            } else {
                tried.for_each(|row| written[row] += 1);
                bisection.written();
            }
        }
        for row in rows {
            assert_eq!(written[row], usize::from(!bad.contains(&row)), "row {row}");
        }
        (refused, statements)
    }

    #[test]
    fn one_row_of_two_thousand_takes_about_log2_statements() {
        for bad in [0, 1, 999, 1_000, 1_998, 1_999] {
            let (found, statements) = search(0..2_000, &BTreeSet::from([bad]));
            assert_eq!(found, [bad]);
            assert!((11..=23).contains(&statements), "{statements} statements for row {bad}");
        }
    }

    #[test]
    fn a_single_row_is_tried_once_more() {
        assert_eq!(search(4..5, &BTreeSet::from([4])), (vec![4], 1));
        assert_eq!(search(4..5, &BTreeSet::new()), (vec![], 1), "it was not the row's fault");
    }

    proptest! {
        #[test]
        fn every_bad_row_is_found_and_every_other_written_once(
            len in 1..200_usize, bad in prop::collection::btree_set(0..200_usize, 0..20)
        ) {
            let bad: BTreeSet<usize> = bad.into_iter().filter(|row| *row < len).collect();
            // A statement without a bad row that was refused all the same has no culprit.
            let (found, statements) = search(0..len, &bad);
            prop_assert_eq!(found, bad.iter().copied().collect::<Vec<_>>());
            let depth = usize::BITS - len.leading_zeros();
            prop_assert!(statements <= 2 * (depth as usize + 1) * bad.len().max(1));
        }
    }
}
