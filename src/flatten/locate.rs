//! A quick look for a few values: goes to them along the tape, and passes by all else.

use super::walk::ABSENT;
use crate::decode::{Document, kind, span};
use crate::mapping::PathNode;
use simd_json::{Node, StaticNode};

/// Something other than the object that a wanted value needs.
pub(super) struct InTheWay<'t> {
    pub(super) path: &'t str,
    pub(super) kind: &'static str,
}

/// Finds what `tree` wants of the value at `root`, and puts its places on the tape into `slots`: [`ABSENT`]
/// where there is none. If a key comes twice, the last one counts. Gives the first thing that is in the way.
pub(super) fn locate<'t>(
    document: &Document<'_>,
    root: usize,
    tree: &'t PathNode,
    slots: &mut [u32],
) -> Option<InTheWay<'t>> {
    // Almost always empty, and then it takes no memory.
    let mut in_the_way = Vec::new();
    look(document, root, tree, slots, &mut in_the_way);
    in_the_way.into_iter().next()
}

fn look<'t>(
    document: &Document<'_>,
    at: usize,
    wanted: &'t PathNode,
    slots: &mut [u32],
    in_the_way: &mut Vec<InTheWay<'t>>,
) {
    let (first, end) = wanted.slots_below;
    slots[first..end].fill(ABSENT);
    if !in_the_way.is_empty() {
        in_the_way.retain(|it| !is_below(it.path, &wanted.path));
    }
    if let Some(slot) = wanted.slot {
        slots[slot] = on_tape(at);
    }
    if wanted.children.is_empty() {
        return;
    }
    let len = match document.tape[at] {
        Node::Object { len, .. } => len,
        Node::Static(StaticNode::Null) => return,
        node => {
            in_the_way.push(InTheWay { path: &wanted.path, kind: kind(Some(&node)) });
            return;
        }
    };
    let mut at = at + 1;
    for _ in 0..len {
        let Node::String(key) = document.tape[at] else { unreachable!("keys are strings") };
        match wanted.child(key) {
            // Most wanted values have nothing wanted below.
            Some(PathNode { slot: Some(slot), children, .. }) if children.is_empty() => {
                slots[*slot] = on_tape(at + 1);
            }
            Some(child) => look(document, at + 1, child, slots, in_the_way),
            None => {}
        }
        at += 1 + span(&document.tape[at + 1]);
    }
}

/// A place as slots have it; simd-json refuses documents of 4 GiB or more.
fn on_tape(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(ABSENT)
}

fn is_below(path: &str, parent: &str) -> bool {
    parent.is_empty()
        || path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Decoder;
    use crate::mapping::Mapping;

    /// What `data.a.b` and `c` are in a message.
    fn found(message: &str) -> String {
        let mapping = Mapping::compile([("x.toml", "topic = 't'\nkey = 'k'\n[envelope]\ntype = { value = 'v' }\n\
            id = 'a.b'\ntime = 'c'\nkey = '$key'\ndata = '$message'\n[[log]]\ntable = 't'\nevents = ['*']\ncolumns = []")]).unwrap();
        let facts = &mapping.topics["t"].message;
        Decoder::default()
            .decode(message.as_bytes(), |document| {
                let mut slots = vec![7; facts.slots];
                let way = locate(document, 0, &facts.root, &mut slots);
                let values = slots.iter().map(|slot| match *slot {
                    ABSENT => "-".to_owned(),
                    at => document.value_text(at as usize).to_owned(),
                });
                let values: Vec<String> = values.collect();
                let way = way.map_or(String::new(), |way| format!(" {} is {}", way.path, way.kind));
                format!("{}{way}", values.join(" "))
            })
            .unwrap()
    }

    #[test]
    fn the_last_key_counts() {
        assert_eq!(found(r#"{"x": {"a": {"b": 0}}, "a": {"x": 1, "b": 2}, "c": [3]}"#), "2 [3]");
        assert_eq!(found(r#"{"a": {"b": 2}, "a": {}, "c": 1, "c": null}"#), "- null");
        assert_eq!(found(r#"{"a": {"b": 2, "b": 3}, "a": null}"#), "- -");
        assert_eq!(found(r#"{"a": 1, "c": 2}"#), "- 2 a is a number");
        assert_eq!(found(r#"{"a": 1, "a": {"b": 2}}"#), "2 -");
        assert_eq!(found(r#"{"a": 1, "c": 2, "a": {"b": 3}}"#), "3 2");
        assert_eq!(found("[1]"), "- -  is an array");
    }
}
