//! One pass over the tape: finds the wanted values, the secrets to cut, and the nesting.

use super::limits::rows_too_large;
use super::numbers;
use crate::buffer::CELL_BYTES;
use crate::decode::{Document, kind, skip_value, span};
use crate::mapping::{EventPlan, PathNode};
use crate::mysql::JsonLimits;
use crate::redact::Secrets;
use crate::reject::{Code, Reject};
use simd_json::{Node, StaticNode};

/// The index of the root on the tape, which no wanted value has.
pub(super) const ABSENT: u32 = 0;

/// What a walk found; reused from event to event.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Indices on the tape by slot of the event's plan, or [`ABSENT`].
    pub(super) slots: Vec<u32>,
    /// The same for each array with lines, element by element.
    pub(super) lines: Vec<Elements>,
    /// Byte ranges of the message that hold secrets, in order.
    pub(super) cuts: Vec<(usize, usize)>,
    /// What is in the way of a wanted value; forgotten if its key comes again.
    wrong: Vec<Wrong>,
}

/// Something other than the object or array that a wanted value needs.
#[derive(Debug)]
struct Wrong {
    target: Target,
    path: String,
    reject: Reject,
}

/// The elements of an array that become lines.
#[derive(Debug, Default)]
pub(super) struct Elements {
    pub(super) slots: Vec<u32>,
    pub(super) count: usize,
}

/// Walks the value at `root`, filling `found` with what `plan` wants from it.
///
/// # Errors
/// If something other than an object is in the way of a wanted value, an element that should become a
/// line is not an object, or a limit is exceeded. Does not look for lines that would take more than
/// `rows_bytes`.
pub(crate) fn walk(
    document: &Document<'_>,
    root: usize,
    plan: &EventPlan,
    secrets: &Secrets,
    (limits, rows_bytes): (JsonLimits, usize),
    found: &mut Found,
) -> Result<(), Reject> {
    found.slots.clear();
    found.slots.resize(plan.slots, ABSENT);
    found.lines.resize_with(plan.lines.len(), Elements::default);
    found.lines.iter_mut().for_each(Elements::clear);
    found.cuts.clear();
    found.wrong.clear();
    let mut walk =
        Walk { document, plan, secrets, limits, rows_bytes, found, zero_in_array: false };
    walk.value(root, Some(Wanted { node: &plan.paths, target: Target::Event }), 1)?;
    match found.wrong.is_empty() {
        true => Ok(()),
        false => Err(found.wrong.swap_remove(0).reject),
    }
}

/// A wanted value, and whose slots it fills.
#[derive(Clone, Copy)]
struct Wanted<'p> {
    node: &'p PathNode,
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Event,
    /// An element of an array with lines: which lines, and where its slots start.
    Element {
        lines: usize,
        first: usize,
    },
}

struct Walk<'w, 'd> {
    document: &'w Document<'d>,
    plan: &'w EventPlan,
    secrets: &'w Secrets,
    limits: JsonLimits,
    rows_bytes: usize,
    found: &'w mut Found,
    /// An array has a zero written with a fraction or an exponent, and the member that holds the array
    /// has not been checked since.
    zero_in_array: bool,
}

impl<'w> Walk<'w, '_> {
    /// Walks the value at `at`, which is at nesting level `depth` if it is an array or object.
    fn value(&mut self, at: usize, wanted: Option<Wanted<'_>>, depth: usize) -> Result<(), Reject> {
        if let Some(wanted) = wanted {
            self.note(at, wanted);
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
        // Copies, so that the loop need not load them from `self` again after each step.
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
                self.cut(at, kept);
            } else {
                kept = true;
            }
            let member = wanted.and_then(|Wanted { node, target }| {
                Some(Wanted { node: node.child(key)?, target })
            });
            // Most members are neither wanted nor have members of their own.
            if member.is_some() || matches!(value, Node::Object { .. } | Node::Array { .. }) {
                self.value(at + 1, member, depth + 1)?;
            }
            if is_zero(value) || self.zero_in_array {
                self.check_zeros(key)?;
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
        let lines = lines.filter(|lines| self.make_room(*lines, len));
        let mut at = array + 1;
        for number in 1..=len {
            let element = lines.and_then(|lines| self.element(lines, at, number));
            self.value(at, element, depth + 1)?;
            self.zero_in_array |= is_zero(&self.document.tape[at]);
            at += span(&self.document.tape[at]);
        }
        Ok(())
    }

    /// Notes where a wanted value is, and forgets what an earlier one of the same key had below it: if a
    /// key comes twice, the last one counts.
    fn note(&mut self, at: usize, wanted: Wanted<'_>) {
        let PathNode { slot, children, lines, slots_below: (first, end), path, .. } = wanted.node;
        if !self.found.wrong.is_empty() {
            self.forget(wanted);
        }
        let slots = match wanted.target {
            Target::Event => &mut self.found.slots[..],
            Target::Element { lines, first } => &mut self.found.lines[lines].slots[first..],
        };
        slots[*first..*end].fill(ABSENT);
        if let Some(slot) = slot {
            // simd-json refuses documents of 4 GiB or more.
            slots[*slot] = u32::try_from(at).unwrap_or(ABSENT);
        }
        for lines in &wanted.node.lines_below {
            self.found.lines[*lines].clear();
        }
        let node = &self.document.tape[at];
        if lines.is_some() && !matches!(node, Node::Array { .. } | Node::Static(StaticNode::Null)) {
            self.wrong(wanted.target, path, not_a(path, node, "an array"));
        }
        if !children.is_empty()
            && !matches!(node, Node::Object { .. } | Node::Static(StaticNode::Null))
        {
            self.wrong(wanted.target, path, not_a(path, node, "an object"));
        }
    }

    /// Notes something that must not be there, unless its key comes again. For an array the first such
    /// element is enough: an element does not come again without its array.
    #[cold]
    fn wrong(&mut self, target: Target, path: &str, reject: Reject) {
        let is_known = self.found.wrong.iter().any(|known| match (known.target, target) {
            (
                Target::Element { lines: known_lines, first: known_first },
                Target::Element { lines, first },
            ) => known_lines == lines && known_first != first,
            (known_target, target) => known_target == target && known.path == path,
        });
        if !is_known {
            self.found.wrong.push(Wrong { target, path: path.to_owned(), reject });
        }
    }

    /// Forgets what was wrong at `wanted` and below: its key has come again.
    #[cold]
    fn forget(&mut self, Wanted { node, target }: Wanted<'_>) {
        let is_below = |path: &str| {
            let rest = path.strip_prefix(node.path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.found.wrong.retain(|wrong| match (wrong.target, target) {
            (noted, target) if noted == target => !is_below(&wrong.path),
            (Target::Element { lines, .. }, Target::Event) => !node.lines_below.contains(&lines),
            _ => true,
        });
    }

    /// Makes room for the slots of `len` elements that become lines, unless their rows alone would
    /// take more memory than an event may.
    fn make_room(&mut self, lines: usize, len: usize) -> bool {
        let plan = &self.plan.lines[lines];
        let bytes = len.saturating_mul(plan.cells.len()).saturating_mul(CELL_BYTES);
        if bytes > self.rows_bytes {
            self.wrong(Target::Event, &plan.path, rows_too_large(bytes, self.rows_bytes));
            return false;
        }
        self.found.lines[lines].slots.reserve_exact(len * plan.slots);
        true
    }

    /// What is wanted of an element that becomes a line.
    fn element(&mut self, lines: usize, at: usize, number: usize) -> Option<Wanted<'w>> {
        let plan = &self.plan.lines[lines];
        let node = &self.document.tape[at];
        if !matches!(node, Node::Object { .. }) {
            let reject = not_a(&format!("{}[{}]", plan.path, number - 1), node, "an object");
            self.wrong(Target::Event, &plan.path, reject);
            return None;
        }
        let elements = &mut self.found.lines[lines];
        let first = elements.slots.len();
        elements.slots.resize(first + plan.slots, ABSENT);
        elements.count = number;
        Some(Wanted { node: &plan.paths, target: Target::Element { lines, first } })
    }

    /// Checks the zeros in the value of a member: MySQL limits the exponent even of a zero.
    #[cold]
    fn check_zeros(&mut self, key: &str) -> Result<(), Reject> {
        self.zero_in_array = false;
        let (source, max) = (self.document.source, self.limits.zero_exponent);
        if max == usize::MAX {
            return Ok(());
        }
        let start = self.document.value_start(key);
        let value = &source[start..skip_value(source, start)];
        if numbers::all(value).all(|number| numbers::zero_exponent(number) <= max) {
            return Ok(());
        }
        Err(Reject::new(
            Code::JsonLimit,
            format!(
                "data has a zero with an exponent above {max}, which the server's JSON column does not accept"
            ),
        ))
    }

    fn check_depth(&self, depth: usize) -> Result<(), Reject> {
        if depth <= self.limits.depth {
            return Ok(());
        }
        Err(Reject::new(
            Code::JsonLimit,
            format!(
                "data is nested deeper than the {} levels that the server's JSON column accepts",
                self.limits.depth
            ),
        ))
    }

    /// Cuts the member whose key is at `at` out of the message: with the comma before it if members before it are
    /// kept, otherwise with the comma after it, if there is one.
    ///
    /// ```text
    /// {"a": 1, "token": 2, "b": 3}  →  {"a": 1, "b": 3}
    /// {"token": 2, "b": 3}          →  {"b": 3}
    /// ```
    fn cut(&mut self, at: usize, kept: bool) {
        let source = self.document.source;
        let quote = self.document.offset_of(self.document.key(at)) - 1;
        if self.found.cuts.last().is_some_and(|&(_, end)| quote < end) {
            return; // Inside a member that is cut already.
        }
        let (_, end) = self.document.value_range(at + 1);
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

/// Whether this is a zero that was not written as a plain `0`.
fn is_zero(node: &Node<'_>) -> bool {
    matches!(node, Node::Static(StaticNode::F64(value)) if *value == 0.0)
}

#[cold]
fn key_too_long(key: &str, max: usize) -> Reject {
    Reject::new(
        Code::JsonLimit,
        format!("data has a key of {} bytes; the server's JSON column accepts {max}", key.len()),
    )
}

fn not_a(path: &str, node: &Node<'_>, wanted: &str) -> Reject {
    let dot = if path.is_empty() { "" } else { "." };
    let kind = kind(Some(node));
    Reject::new(Code::ValueType, format!("data{dot}{path} is {kind}, not {wanted}"))
}

fn skip_blanks(source: &[u8], at: usize) -> usize {
    let blanks = source[at..].iter().take_while(|b| b" \t\n\r".contains(b)).count();
    at + blanks
}
