//! What a user makes of the TODOs of a mapping file that `sluicegate infer` has printed.

const MARK: &str = "'TODO: ";

/// The file with the first choice of each TODO, but for ids, which become the place in Kafka.
pub fn first_of_each(mapping: &str) -> String {
    mapping.lines().map(|line| choose(line) + "\n").collect()
}

fn choose(line: &str) -> String {
    let Some((before, rest)) = line.split_once(MARK) else { return line.to_owned() };
    let (choices, after) = rest.split_once('\'').unwrap_or((rest, ""));
    let ends = [" (", ", or "].into_iter().filter_map(|end| choices.find(end));
    let first = &choices[..ends.min().unwrap_or(choices.len())];
    match before {
        "id = " => format!("{before}\"$position\"{after}"),
        _ => format!("{before}{first}{after}"),
    }
}
