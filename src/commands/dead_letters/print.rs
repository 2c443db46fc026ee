//! Dead letters on standard output, for people and as JSON lines.

use super::address::Name;
use super::replay::Outcome;
use super::store::{Counted, Stored};
use crate::commands::output::{say, say_json_lines, to_seconds};
use crate::commands::table;
use comfy_table::{ContentArrangement, Table, presets};
use std::collections::BTreeMap;
use std::io::IsTerminal;

pub(super) fn print_list(letters: &[Stored], json: bool) -> anyhow::Result<()> {
    if json {
        return say_json_lines(letters);
    }
    if letters.is_empty() {
        return say("no dead letters");
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["id", "address, when (UTC)", "reason, event", "what is wrong"]);
    let mut addresses = BTreeMap::new();
    for letter in letters {
        *addresses.entry(&letter.name.address).or_insert(0) += 1;
    }
    for letter in letters {
        let Name { address, topic_id, .. } = &letter.name;
        let mut place = format!("{address}\n{}", to_seconds(&letter.dead_at));
        if addresses[address] > 1 && !topic_id.is_empty() {
            place = format!("{place}\ntopic id {topic_id}");
        }
        if let Some(replayed_at) = &letter.replayed_at {
            place = format!("{place}\nreplayed {}", to_seconds(replayed_at));
        }
        let event = letter.event_type.clone().unwrap_or_default();
        table.add_row([
            letter.id.to_string(),
            place,
            format!("{}\n{}", letter.error_code, for_terminal(event)),
            for_terminal(letter.error_text.clone()),
        ]);
    }
    say(&table.to_string())
}

pub(super) fn print_counts(counts: &[Counted], json: bool) -> anyhow::Result<()> {
    if json {
        return say_json_lines(counts);
    }
    if counts.is_empty() {
        return say("no dead letters");
    }
    let mut table = table(&["topic", "reason", "letters", "unreplayed", "last (UTC)"], 2..4);
    for count in counts {
        table.add_row([
            count.topic.clone(),
            count.error_code.clone(),
            count.letters.to_string(),
            count.unreplayed.to_string(),
            count.last_dead_at.chars().take(16).collect(),
        ]);
    }
    say(&table.to_string())
}

pub(super) fn print_letter(letter: &Stored, json: bool) -> anyhow::Result<()> {
    let payload = match std::str::from_utf8(&letter.payload) {
        Ok(text) => text.to_owned(),
        Err(_) => letter.payload.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let mut value = serde_json::to_value(letter)?;
    if json {
        value["payload"] = payload.into();
        return say(&value.to_string());
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        say(&format!("{name:<14} {}", for_terminal(shown)))?;
    }
    say(&format!("\n{}", for_terminal(payload)))
}

/// Keys and payloads are untrusted, and a terminal obeys control characters.
fn for_terminal(text: String) -> String {
    if std::io::stdout().is_terminal() { without_controls(&text) } else { text }
}

fn without_controls(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

pub(super) fn print_outcome(outcome: &Outcome, json: bool) -> anyhow::Result<()> {
    if json {
        return say(&serde_json::to_string(outcome)?);
    }
    say(&format!("{} loaded and marked", outcome.loaded))?;
    say(&format!("{} already loaded, now marked", outcome.already_loaded))?;
    for (code, count) in &outcome.still_faulty {
        say(&format!("{count} still faulty: {code}"))?;
    }
    if outcome.cut > 0 {
        say(&format!(
            "{} skipped: only the first bytes were kept (dead_letters.payload_bytes)",
            outcome.cut
        ))?;
    }
    Ok(())
}
