//! Connected components of a mask: runs of rows joined with union–find (C. Fiorio, J. Gustedt, *Two linear
//! time union-find strategies for image processing*, 1996), labelled in order of their first sample.

/// One component: the indices of its samples, ascending.
pub type Component = Vec<u32>;

/// Horizontal and vertical distance up to which samples count as connected: figures fall apart at the belt rather than
/// lengthwise, and neighbours side by side should stay apart.
const REACH: (usize, usize) = (1, 2);

struct Run {
    row: usize,
    from: usize,
    to: usize,
    parent: usize,
}

/// The components of `mask` (rows of `width`), gaps of up to [`REACH`] bridged.
pub fn components(mask: &[bool], width: usize) -> Vec<Component> {
    if width == 0 {
        return Vec::new();
    }
    let mut runs: Vec<Run> = Vec::new();
    let mut first_of_row = Vec::new();
    for (row, line) in mask.chunks_exact(width).enumerate() {
        first_of_row.push(runs.len());
        let mut x = 0;
        while x < width {
            let Some(from) = line[x..].iter().position(|f| *f).map(|p| x + p) else { break };
            let to = line[from..].iter().position(|f| !*f).map_or(width, |p| from + p);
            let index = runs.len();
            runs.push(Run { row, from, to, parent: index });
            // The run before it in the row, and every run of the rows just above that comes near enough.
            if index > first_of_row[row] && runs[index - 1].to + REACH.0 >= from {
                join(&mut runs, index - 1, index);
            }
            for above in first_of_row[row.saturating_sub(REACH.1)]..first_of_row[row] {
                if runs[above].from <= to + REACH.0 && from <= runs[above].to + REACH.0 {
                    join(&mut runs, above, index);
                }
            }
            x = to;
        }
    }
    let mut slot = vec![usize::MAX; runs.len()];
    let mut found: Vec<Component> = Vec::new();
    for i in 0..runs.len() {
        let root = root(&mut runs, i);
        if slot[root] == usize::MAX {
            slot[root] = found.len();
            found.push(Vec::new());
        }
        let start = runs[i].row * width;
        found[slot[root]].extend((start + runs[i].from) as u32..(start + runs[i].to) as u32);
    }
    found
}

fn root(runs: &mut [Run], mut i: usize) -> usize {
    while runs[i].parent != i {
        runs[i].parent = runs[runs[i].parent].parent;
        i = runs[i].parent;
    }
    i
}

/// The smaller root wins, so labels follow the order of the runs.
fn join(runs: &mut [Run], a: usize, b: usize) {
    let (a, b) = (root(runs, a), root(runs, b));
    runs[a.max(b)].parent = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(picture: &[&str]) -> Vec<usize> {
        let width = picture[0].len();
        let mask: Vec<bool> = picture.iter().flat_map(|r| r.bytes().map(|b| b == b'#')).collect();
        components(&mask, width).iter().map(Vec::len).collect()
    }

    #[test]
    fn shapes_are_told_apart() {
        assert_eq!(of(&["##...##", "##...##", "......."]), vec![4, 4]);
        assert_eq!(of(&["#.....#", "##...##", ".#####."]), vec![11]);
    }

    #[test]
    fn a_gap_of_one_row_or_column_is_bridged() {
        assert_eq!(of(&["#..", "...", "#.."]), vec![2]);
        assert_eq!(of(&["#..", "...", "...", "#.."]), vec![1, 1]);
        assert_eq!(of(&["#.#"]), vec![2]);
        assert_eq!(of(&["#..#"]), vec![1, 1]);
        assert_eq!(of(&["..."]), Vec::<usize>::new());
    }
}
