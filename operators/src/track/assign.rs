//! Optimal assignment of rows to columns: the Hungarian method with shortest augmenting paths
//! (R. Jonker, A. Volgenant, *A shortest augmenting path algorithm for dense and sparse linear assignment
//! problems*, Computing 38, 1987), on a dense matrix of costs.
//!
//! Pairs at or above `limit` are never made: such a cost counts as `limit`, the price of leaving a row
//! alone, which gives the cheapest *partial* assignment. Among equally cheap ones the choice follows from
//! the order of rows and columns alone, so the same matrix always gives the same pairs.

/// The cheapest assignment of `rows` rows to `columns` columns, where `cost(row, column)` below `limit` is a
/// possible pair: for each row its column. O(n²·m) with n the smaller side.
pub fn assign(rows: usize, columns: usize, limit: f64, cost: impl Fn(usize, usize) -> f64) -> Vec<Option<usize>> {
    if rows == 0 || columns == 0 {
        return vec![None; rows];
    }
    // NaN compares false and is therefore capped like any impossible pair.
    let capped = |r: usize, c: usize| {
        let value = cost(r, c);
        if value < limit { value } else { limit }
    };
    let mut pairs = vec![None; rows];
    if rows <= columns {
        let table: Vec<f64> =
            (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))).map(|(r, c)| capped(r, c)).collect();
        for (r, c) in solve(rows, columns, &table).into_iter().enumerate() {
            pairs[r] = (table[r * columns + c] < limit).then_some(c);
        }
    } else {
        let table: Vec<f64> =
            (0..columns).flat_map(|c| (0..rows).map(move |r| (r, c))).map(|(r, c)| capped(r, c)).collect();
        for (c, r) in solve(columns, rows, &table).into_iter().enumerate() {
            pairs[r] = (table[c * rows + r] < limit).then_some(c);
        }
    }
    pairs
}

/// The column of each of `n` rows, `n ≤ m`, with the least sum of `cost[row * m + column]`.
fn solve(n: usize, m: usize, cost: &[f64]) -> Vec<usize> {
    const FREE: usize = usize::MAX;
    // Potentials keep every reduced cost cost − u − v non-negative; each row is added by the shortest
    // alternating path in reduced costs (Dijkstra on the dense matrix). Column m is the path's root.
    let (mut u, mut v) = (vec![0.0; n], vec![0.0; m + 1]);
    let mut row_of = vec![FREE; m + 1];
    let mut from = vec![m; m + 1];
    let (mut least, mut done) = (vec![0.0; m + 1], vec![false; m + 1]);
    for row in 0..n {
        row_of[m] = row;
        least.fill(f64::INFINITY);
        done.fill(false);
        let mut column = m;
        while row_of[column] != FREE {
            done[column] = true;
            let r = row_of[column];
            let (mut delta, mut next) = (f64::INFINITY, m);
            for c in (0..m).filter(|&c| !done[c]) {
                let reduced = cost[r * m + c] - u[r] - v[c];
                if reduced < least[c] {
                    (least[c], from[c]) = (reduced, column);
                }
                if least[c] < delta {
                    (delta, next) = (least[c], c);
                }
            }
            for c in 0..=m {
                if done[c] {
                    u[row_of[c]] += delta;
                    v[c] -= delta;
                } else {
                    least[c] -= delta;
                }
            }
            column = next;
        }
        while column != m {
            row_of[column] = row_of[from[column]];
            column = from[column];
        }
    }
    let mut columns = vec![0; n];
    for (c, &r) in row_of[..m].iter().enumerate().filter(|(_, r)| **r != FREE) {
        columns[r] = c;
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The least sum over all partial assignments, by trying them all.
    fn brute(costs: &[Vec<f64>], limit: f64, row: usize, used: u32) -> f64 {
        let Some(line) = costs.get(row) else { return 0.0 };
        let alone = limit + brute(costs, limit, row + 1, used);
        line.iter()
            .enumerate()
            .filter(|(c, cost)| used & (1 << c) == 0 && **cost < limit)
            .map(|(c, cost)| cost + brute(costs, limit, row + 1, used | (1 << c)))
            .fold(alone, f64::min)
    }

    proptest! {
        #[test]
        fn oracle_assignment_is_the_cheapest(
            (rows, columns, flat) in (0usize..6, 0usize..6).prop_flat_map(|(r, c)| {
                (Just(r), Just(c), proptest::collection::vec(0u32..20, r * c))
            })
        ) {
            let costs: Vec<Vec<f64>> =
                (0..rows).map(|r| (0..columns).map(|c| f64::from(flat[r * columns + c])).collect()).collect();
            let limit = 12.0;
            let pairs = assign(rows, columns, limit, |r, c| costs[r][c]);
            let mut used = 0u32;
            let mut sum = 0.0;
            for (r, c) in pairs.iter().enumerate() {
                match c {
                    Some(c) => {
                        prop_assert_eq!(used & (1 << c), 0);
                        used |= 1 << c;
                        prop_assert!(costs[r][*c] < limit);
                        sum += costs[r][*c];
                    }
                    None => sum += limit,
                }
            }
            prop_assert_eq!(sum, brute(&costs, limit, 0, 0));
        }
    }

    #[test]
    fn nothing_to_assign() {
        assert_eq!(assign(0, 3, 1.0, |_, _| 0.0), vec![]);
        assert_eq!(assign(2, 0, 1.0, |_, _| 0.0), vec![None, None]);
        assert_eq!(assign(1, 1, 1.0, |_, _| f64::NAN), vec![None]);
    }
}
