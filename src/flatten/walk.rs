//! One pass over the tape: finds the wanted values, the secrets to cut, and the nesting.

use crate::decode::{Document, after_colon, kind, skip_string, span};
use crate::mapping::{EventPlan, PathNode, Secrets};
use crate::reject::{Code, Reject};
use simd_json::{Node, StaticNode};

/// What the database's JSON column takes; it depends on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// Nested arrays and objects, the document itself included.
    pub depth: usize,
    /// Length of a key in bytes.
    pub key_bytes: usize,
}

impl JsonLimits {
    /// MySQL: error 3157 beyond 100 levels, 3151 beyond 65,535 bytes in a key.
    pub const MYSQL: Self = Self { depth: 100, key_bytes: 65_535 };
    /// MariaDB: `json_valid` is false (error 4025) beyond 31 levels; keys are just text.
    pub const MARIADB: Self = Self { depth: 31, key_bytes: usize::MAX };
    /// Nothing is refused: for redaction alone.
    pub(crate) const NONE: Self = Self { depth: usize::MAX, key_bytes: usize::MAX };
}

/// A place on the tape that no wanted value has: there is the root.
pub(super) const ABSENT: u32 = 0;

/// What a walk found; reused from event to event.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Places on the tape by slot of the event's plan; [`ABSENT`] where there is none.
    pub(super) slots: Vec<u32>,
    /// The same for each array with lines, one element after the other.
    pub(super) lines: Vec<Elements>,
    /// Byte ranges of the message that hold secrets, in order.
    pub(super) cuts: Vec<(usize, usize)>,
}

/// The elements of an array that become lines.
#[derive(Debug, Default)]
pub(super) struct Elements {
    pub(super) slots: Vec<u32>,
    pub(super) count: usize,
}

/// Walks the value at `root`, filling `found` with what `plan` wants of it.
///
/// # Errors
/// When something else than an object stands on the way to a wanted value, when an element that
/// becomes a line is not an object, or when a limit is passed.
pub(crate) fn walk(
    document: &Document<'_>,
    root: usize,
    plan: &EventPlan,
    secrets: &Secrets,
    limits: JsonLimits,
    found: &mut Found,
) -> Result<(), Reject> {
    found.slots.clear();
    found.slots.resize(plan.slots, ABSENT);
    found.lines.resize_with(plan.lines.len(), Elements::default);
    found.lines.iter_mut().for_each(Elements::clear);
    found.cuts.clear();
    let mut walk = Walk { document, plan, secrets, limits, found };
    walk.value(root, Some(Wanted { node: &plan.paths, target: Target::Event }), 1)
}

/// A wanted place, and whose slots it fills.
#[derive(Clone, Copy)]
struct Wanted<'p> {
    node: &'p PathNode,
    target: Target,
}

#[derive(Clone, Copy)]
enum Target {
    /// The event's.
    Event,
    /// An element's: of which lines, and where its slots start.
    Element { lines: usize, first: usize },
}

struct Walk<'w, 'd> {
    document: &'w Document<'d>,
    plan: &'w EventPlan,
    secrets: &'w Secrets,
    limits: JsonLimits,
    found: &'w mut Found,
}

impl<'w> Walk<'w, '_> {
    /// Walks the value at `at`, which is at nesting level `depth` if it is an array or object.
    fn value(&mut self, at: usize, wanted: Option<Wanted<'_>>, depth: usize) -> Result<(), Reject> {
        if let Some(wanted) = wanted {
            self.note(at, wanted)?;
        }
        match self.document.tape[at] {
            Node::Object { len, .. } => self.object(at, len, wanted, depth),
            Node::Array { len, .. } => self.array(at, len, wanted, depth),
            Node::String(_) | Node::Static(_) => Ok(()),
        }
    }

    fn object(
        &mut self,
        object: usize,
        len: usize,
        wanted: Option<Wanted<'_>>,
        depth: usize,
    ) -> Result<(), Reject> {
        self.check_depth(depth)?;
        // Copies, so that the loop need not look at `self` again after each step.
        let (tape, secrets, key_bytes) = (self.document.tape, self.secrets, self.limits.key_bytes);
        let mut kept = false;
        let mut at = object + 1;
        for _ in 0..len {
            let (Node::String(key), value) = (&tape[at], &tape[at + 1]) else {
                unreachable!("keys are strings")
            };
            if key.len() > key_bytes {
                return Err(key_too_long(key, key_bytes));
            }
            if secrets.contains(key) {
                self.cut(key, kept);
            } else {
                kept = true;
            }
            let member = wanted.and_then(|Wanted { node, target }| {
                Some(Wanted { node: node.child(key)?, target })
            });
            // Most members are neither wanted nor have any of their own.
            if member.is_some() || matches!(value, Node::Object { .. } | Node::Array { .. }) {
                self.value(at + 1, member, depth + 1)?;
            }
            at += 1 + span(value);
        }
        Ok(())
    }

    fn array(
        &mut self,
        array: usize,
        len: usize,
        wanted: Option<Wanted<'_>>,
        depth: usize,
    ) -> Result<(), Reject> {
        self.check_depth(depth)?;
        let lines = wanted.and_then(|wanted| wanted.node.lines);
        let mut at = array + 1;
        for number in 1..=len {
            let element = match lines {
                Some(lines) => Some(self.element(lines, at, number)?),
                None => None,
            };
            self.value(at, element, depth + 1)?;
            at += span(&self.document.tape[at]);
        }
        Ok(())
    }

    /// Notes where a wanted value stands, and that what may be below it is not known yet: of a key
    /// that comes twice, the last one counts.
    fn note(&mut self, at: usize, wanted: Wanted<'_>) -> Result<(), Reject> {
        let PathNode { slot, children, lines, slots_below: (first, end), path, .. } = wanted.node;
        let slots = match wanted.target {
            Target::Event => &mut self.found.slots[..],
            Target::Element { lines, first } => &mut self.found.lines[lines].slots[first..],
        };
        slots[*first..*end].fill(ABSENT);
        if let Some(slot) = slot {
            // simd-json takes documents below 4 GiB.
            slots[*slot] = u32::try_from(at).unwrap_or(ABSENT);
        }
        let node = &self.document.tape[at];
        if let Some(lines) = lines {
            self.found.lines[*lines].clear();
            if !matches!(node, Node::Array { .. } | Node::Static(StaticNode::Null)) {
                return Err(not_a(path, node, "an array"));
            }
        } else if !children.is_empty()
            && !matches!(node, Node::Object { .. } | Node::Static(StaticNode::Null))
        {
            return Err(not_a(path, node, "an object"));
        }
        Ok(())
    }

    /// Makes room for the slots of an element that becomes a line.
    fn element(&mut self, lines: usize, at: usize, number: usize) -> Result<Wanted<'w>, Reject> {
        let plan = &self.plan.lines[lines];
        let node = &self.document.tape[at];
        if !matches!(node, Node::Object { .. }) {
            return Err(not_a(&format!("{}[{}]", plan.path, number - 1), node, "an object"));
        }
        let elements = &mut self.found.lines[lines];
        let first = elements.slots.len();
        elements.slots.resize(first + plan.slots, ABSENT);
        elements.count = number;
        Ok(Wanted { node: &plan.paths, target: Target::Element { lines, first } })
    }

    fn check_depth(&self, depth: usize) -> Result<(), Reject> {
        if depth <= self.limits.depth {
            return Ok(());
        }
        Err(Reject::new(
            Code::JsonLimit,
            format!(
                "data is nested deeper than the {} levels that the server's JSON column takes",
                self.limits.depth
            ),
        ))
    }

    /// Cuts a member out of the message: with the comma before it if members before it are kept,
    /// otherwise with the comma after it, if there is one.
    ///
    /// ```text
    /// {"a": 1, "token": 2, "b": 3}  →  {"a": 1, "b": 3}
    /// {"token": 2, "b": 3}          →  {"b": 3}
    /// ```
    fn cut(&mut self, key: &str, kept: bool) {
        let source = self.document.source;
        let quote = self.document.offset_of(key) - 1;
        if self.found.cuts.last().is_some_and(|&(_, end)| quote < end) {
            return; // Inside of a member that is cut already.
        }
        let end = skip_value(source, after_colon(source, quote));
        let range = if kept {
            let comma = source[..quote].iter().rposition(|&b| b == b',').unwrap_or(quote);
            (comma, end)
        } else {
            let next = skip_blanks(source, end);
            let end =
                if source.get(next) == Some(&b',') { skip_blanks(source, next + 1) } else { end };
            (quote, end)
        };
        self.found.cuts.push(range);
    }
}

impl Elements {
    fn clear(&mut self) {
        self.slots.clear();
        self.count = 0;
    }
}

#[cold]
fn key_too_long(key: &str, max: usize) -> Reject {
    Reject::new(
        Code::JsonLimit,
        format!("data has a key of {} bytes; the server's JSON column takes {max}", key.len()),
    )
}

fn not_a(path: &str, node: &Node<'_>, wanted: &str) -> Reject {
    Reject::new(Code::ValueType, format!("data.{path} is {}, not {wanted}", kind(Some(node))))
}

fn skip_blanks(source: &[u8], at: usize) -> usize {
    let blanks = source[at..].iter().take_while(|b| b" \t\n\r".contains(b)).count();
    at + blanks
}

/// The place behind the value that starts at `at`, in a valid document.
fn skip_value(source: &[u8], mut at: usize) -> usize {
    let mut open = 0_usize;
    loop {
        match source[at] {
            b'"' => at = skip_string(source, at),
            b'{' | b'[' => {
                open += 1;
                at += 1;
            }
            b'}' | b']' => {
                open -= 1;
                at += 1;
            }
            _ if open > 0 => at += 1,
            _ => {
                let ends = |b: &u8| b",]} \t\n\r".contains(b);
                return source[at..].iter().position(ends).map_or(source.len(), |len| at + len);
            }
        }
        if open == 0 {
            return at;
        }
    }
}
