//! What limits the throughput.

use super::reading::Interval;
use super::{FlushStats, Limit, TopicLag};

/// With fewer messages than this, or than it takes in so many seconds, an instance has caught up:
/// that is what is always under way.
const FEW_MESSAGES: f64 = 1_000.0;
const FEW_SECONDS: f64 = 2.0;
/// Fewer faulty messages than this are slips.
const FEW_FAULTY: f64 = 10.0;

/// What limits the throughput, by what an operator would look at first.
pub(super) fn limit(
    interval: Interval<'_>,
    waits_for: Option<&str>,
    lag: &[TopicLag],
    flush: &FlushStats,
) -> Limit {
    let say = |by: &str, text: String| Limit { by: by.to_owned(), text };
    if let Some(waits_for) = waits_for {
        return say("outage", format!("It waits: {waits_for}"));
    }
    if let Some(text) = faulty(interval) {
        return say("data", text);
    }
    let now = interval.to;
    let known: usize = lag.iter().map(|lag| lag.partitions).sum();
    // A batch that waits for a writer tells it at once, their share of the time only later.
    let queued = flush.in_flight > flush.writers || flush.paused;
    let waiting: f64 = lag.iter().map(|lag| lag.messages as f64).sum();
    let rate = interval.rate("sluicegate_consume_messages_total");
    if waiting < FEW_MESSAGES.max(FEW_SECONDS * rate) && !queued {
        if (known as f64) < now.sum("sluicegate_consume_partitions") {
            let text = "It has just got its partitions; how much waits in them is not known yet.";
            return say("unknown", text.to_owned());
        }
        let hidden = now.sum("sluicegate_consume_unreadable_messages");
        if hidden > 0.0 {
            return say(
                "transaction",
                format!(
                    "It has caught up with what can be read; {hidden:.0} messages cannot be read before an open transaction ends."
                ),
            );
        }
        return say("nothing", "It has caught up; it writes what comes.".to_owned());
    }
    let busiest = flush
        .tables
        .first()
        .map_or(String::new(), |table| format!("; {} takes most of the time", table.table));
    let is_busy = flush.busy_share >= 0.9 || queued;
    let hottest = lag.iter().max_by_key(|lag| lag.hottest_messages);
    // One of several that it has of a topic: how many others have says nothing about keys.
    if let Some(TopicLag { topic, hottest, hottest_messages, partitions: 2.., .. }) = hottest
        && *hottest_messages as f64 > 0.8 * waiting
    {
        let share = 100.0 * *hottest_messages as f64 / waiting;
        let and = if is_busy { format!("; all writers are busy{busiest}") } else { String::new() };
        return say(
            "partition",
            format!(
                "{share:.0} % of what waits is in partition {hottest} of {topic}, which no other instance can help with: a key that most events have, or a broker that is slow{and}."
            ),
        );
    }
    if is_busy {
        return say("mysql", format!("All writers are busy: MySQL is the limit{busiest}."));
    }
    say(
        "sluicegate",
        "Messages wait while writers are idle: Kafka's delivery or this machine's CPU is the limit."
            .to_owned(),
    )
}

/// What is said if more than a twentieth of a topic's messages cannot be loaded.
fn faulty(interval: Interval<'_>) -> Option<String> {
    let messages = interval.growth_by("sluicegate_consume_messages_total", "topic");
    let rejected = interval.growth_by("sluicegate_decode_rejected_total", "topic");
    let share = |(topic, rejected): (String, f64)| {
        let of = messages.get(&topic).copied().unwrap_or_default().max(rejected);
        (rejected >= FEW_FAULTY).then_some((topic, rejected / of))
    };
    let worst = rejected.into_iter().filter_map(share).max_by(|(_, a), (_, b)| a.total_cmp(b));
    let (topic, share) = worst.filter(|(_, share)| *share > 0.05)?;
    let by_reason = interval.growth_by("sluicegate_decode_rejected_total", "reason");
    let (reason, _) = by_reason.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    Some(format!(
        "{:.0} % of the messages of {topic} in the last {:.0} s cannot be loaded, most often for {reason}; see dead letters.",
        100.0 * share,
        interval.seconds()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::summary::{flush, lag};
    use super::*;
    use crate::clock;
    use crate::status::reading::Reading;
    use std::time::Duration;

    fn limit_of(text: &str, waits_for: Option<&str>, busy: f64) -> Limit {
        let before = Reading::parse("", clock::now());
        let now = Reading::parse(text, before.at + Duration::from_secs(60));
        let interval = Interval { from: &before, to: &now };
        limit(interval, waits_for, &lag(&now), &flush(interval, busy))
    }

    #[test]
    fn what_limits_is_named() {
        let writers = "sluicegate_flush_writers 2\n";
        let quiet = format!("{writers}sluicegate_consume_messages_total{{topic=\"user\"}} 1000\n");
        assert_eq!(limit_of(&quiet, None, 0.1).by, "nothing");
        let hidden = format!(
            "{quiet}sluicegate_consume_unreadable_messages{{topic=\"user\",partition=\"0\"}} 31\n"
        );
        assert_eq!(limit_of(&hidden, None, 0.1).by, "transaction");
        assert_eq!(limit_of(&quiet, Some("MySQL: read-only"), 2.0).by, "outage");
        let poison = format!(
            "{quiet}sluicegate_decode_rejected_total{{topic=\"user\",reason=\"json_invalid\"}} 400\n"
        );
        let data = limit_of(&poison, None, 2.0);
        assert_eq!(data.by, "data");
        assert!(
            data.text.contains("40 % of the messages of user in the last 60 s"),
            "{}",
            data.text
        );
        assert!(data.text.contains("most often for json_invalid"), "{}", data.text);
        let other =
            format!("{poison}sluicegate_consume_messages_total{{topic=\"order\"}} 100000\n");
        assert_eq!(limit_of(&other, None, 2.0).by, "data", "however large the other topics are");
        let lag = |hot: u32| {
            let of = |partition, messages| {
                let labels = format!("{{topic=\"user\",partition=\"{partition}\"}}");
                format!(
                    "sluicegate_consume_lag_messages{labels} {messages}\nsluicegate_consume_assigned{labels} 1\n"
                )
            };
            format!("{quiet}{}{}{}", of(0, 5_000), of(1, 5_000), of(2, hot))
        };
        assert_eq!(limit_of(&lag(5_000), None, 2.0).by, "mysql");
        let fast = lag(5_000).replace("} 1000\n", "} 600000\n");
        assert_eq!(limit_of(&fast, None, 2.0).by, "nothing", "two seconds of work are under way");
        assert_eq!(limit_of(&lag(5_000), None, 0.8).by, "sluicegate");
        let queued = format!("{}sluicegate_flush_batches_in_flight 3\n", lag(5_000));
        assert_eq!(limit_of(&queued, None, 0.8).by, "mysql", "a batch waits for a writer");
        let hot = limit_of(&lag(90_000), None, 0.8);
        assert_eq!(hot.by, "partition");
        assert!(hot.text.contains("90 % of what waits is in partition 2 of user"), "{}", hot.text);
        assert!(!hot.text.contains("busy"), "{}", hot.text);
        let given_up = lag(90_000).replace("partition=\"0\"} 1\n", "partition=\"0\"} 0\n");
        let given_up = given_up.replace("partition=\"1\"} 1\n", "partition=\"1\"} 0\n");
        assert_eq!(limit_of(&given_up, None, 2.0).by, "mysql", "the others have other instances");
        let unknown = format!("{quiet}sluicegate_consume_partitions 2\n");
        assert_eq!(limit_of(&unknown, None, 0.1).by, "unknown");
        let busy = limit_of(&lag(90_000), None, 2.0);
        assert!(busy.by == "partition" && busy.text.contains("all writers are busy"), "{busy:?}");
    }
}
