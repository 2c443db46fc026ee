//! The status page in a real browser, beside live runs: what it shows, and whether it tells why
//! throughput fell.

use crate::chromium::Page;
use loadgen::{Generator, Message, Plan, TOPICS};
use sqlx::Executor as _;
use std::path::Path;
use testkit::servers::install;
use testkit::{Instance, Server, World, wait_for};

const WIDE: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (390, 844);
/// Of WCAG, for text.
const CONTRAST_MIN: f64 = 4.5;
/// The lowest contrast of any text with what is behind it.
const LOWEST_CONTRAST: &str = "(() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  let lowest = 21;
  for (const element of document.querySelectorAll('body *')) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
    if (element.tagName === 'SCRIPT') continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(element instanceof SVGElement ? style.fill : style.color)), light(behind(element))];
    lowest = Math.min(lowest, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return lowest;
})()";

fn events(events: u64, poison: f64) -> Vec<Message> {
    Generator::new(Plan { events, poison, ..Plan::default() }).collect()
}

/// A browser at the page of an instance, which has something to show.
fn open(instance: &Instance) -> Page {
    let mut page = Page::open(&format!("http://127.0.0.1:{}/", instance.port()));
    page.show(WIDE, "light");
    page.until("state", "running", |text| text.contains("running"));
    page.until("rows", "a rate", |text| !["–", "0"].contains(&text));
    page
}

fn screenshot(page: &mut Page, name: &str) {
    page.screenshot(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("status-{name}.png")));
}

#[tokio::test(flavor = "multi_thread")]
async fn page_shows_a_live_run_to_everybody() {
    if !install("chromium") {
        return;
    }
    let Some(mut world) = World::new(Server::MySql) else { return };
    world.create_topics(&TOPICS, 2).await;
    world.serve_http();
    let instance = Instance::ready(&world);
    let producing = world.stream(events(40_000, 0.01), 1_000.0);
    let mut page = open(&instance);
    let letters = page.until("letters", "a list", |text| text.contains("json"));
    assert!(letters.contains("sluicegate dead-letters list --topic"), "{letters}");
    page.until("lag", "a row a topic", |text| TOPICS.iter().all(|topic| text.contains(topic)));
    page.until("tables", "by table", |text| text.contains("_events"));
    page.until("batches", "by what sealed them", |text| text.contains("sealed by"));
    page.until("latency", "a time", |text| text.ends_with('s'));
    let points = "Math.min(...[...document.querySelectorAll('#chart polyline')].map(line => line.points.length))";
    wait_for("a chart", || (page.value(points).as_f64().unwrap() >= 10.0).then_some(()));
    for (size, name) in [(WIDE, "wide"), (PHONE, "phone")] {
        for scheme in ["light", "dark"] {
            page.show(size, scheme);
            let width = page.value("document.documentElement.scrollWidth").as_u64().unwrap();
            assert!(width <= u64::from(size.0), "{name}: the page is {width} wide");
            let contrast = page.value(LOWEST_CONTRAST).as_f64().unwrap();
            assert!(contrast >= CONTRAST_MIN, "{name}, {scheme}: {contrast}");
            screenshot(&mut page, &format!("{name}-{scheme}"));
        }
    }
    // Without colour, one line is drawn and the other dashed; and the state is a sign and a word.
    let dashed =
        page.value("getComputedStyle(document.querySelector('#chart .out')).strokeDasharray");
    assert_ne!(dashed, "none");
    // More reasons than are shown have a line for themselves.
    assert!(page.text("letters").contains(" others"), "{}", page.text("letters"));
    let own = format!("http://127.0.0.1:{}/", instance.port());
    let elsewhere: Vec<&String> = page
        .requested
        .iter()
        .filter(|url| !url.starts_with(&own) && !url.starts_with("data:") && *url != "about:blank")
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    producing.await.unwrap();
    instance.stop();
    page.until("state", "without an answer", |text| text.contains("no answer"));
    world.end().await;
}

/// Every row of this table takes the server some milliseconds.
#[tokio::test(flavor = "multi_thread")]
async fn page_names_a_slow_server_and_its_table() {
    if !install("chromium") {
        return;
    }
    let Some(mut world) = World::new(Server::MySql) else { return };
    world.create_topics(&TOPICS, 2).await;
    world.succeed(&["migrate"]);
    let slow = "CREATE TRIGGER slow BEFORE INSERT ON order_events FOR EACH ROW DO SLEEP(0.003)";
    world.connect().await.execute(slow).await.unwrap();
    world.produce(events(80_000, 0.0)).await;
    world.serve_http();
    let instance = Instance::ready(&world);
    let mut page = open(&instance);
    let limit = "MySQL is the limit; order_events takes most of the time";
    page.until("limit", "about MySQL", |text| text.contains(limit));
    page.until("writers", "busy", |text| text.contains("2 of 2 busy now"));
    screenshot(&mut page, "slow-server");
    drop(instance);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn page_names_a_flood_of_bad_messages_and_the_reason() {
    if !install("chromium") {
        return;
    }
    let Some(mut world) = World::new(Server::MySql) else { return };
    world.create_topics(&TOPICS, 2).await;
    world.serve_http();
    let instance = Instance::ready(&world);
    // A producer is released that names its fields otherwise.
    let mut messages = events(30_000, 0.0);
    for message in messages.iter_mut().filter(|message| message.topic == "user") {
        let text = String::from_utf8(message.value.take().unwrap()).unwrap();
        message.value = Some(text.replace("\"event_id\"", "\"eventId\"").into_bytes());
    }
    let producing = world.stream(messages, 1_000.0);
    let mut page = open(&instance);
    let said = page.until("limit", "about bad messages", |text| text.contains("cannot be loaded"));
    assert!(said.contains("most often for envelope_field_missing"), "{said}");
    let letters = page.text("letters");
    let most = letters.lines().find(|line| line.contains("user")).unwrap_or_default();
    assert!(most.contains("envelope_field_missing"), "{letters}");
    screenshot(&mut page, "poison-flood");
    drop((page, instance));
    producing.await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn page_names_a_hot_partition() {
    if !install("chromium") {
        return;
    }
    let Some(mut world) = World::new(Server::MySql) else { return };
    world.create_topics(&TOPICS, 4).await;
    world.succeed(&["migrate"]);
    // Rows cost something, so that work remains to be seen.
    let cost = "CREATE TRIGGER cost BEFORE INSERT ON order_events FOR EACH ROW DO SLEEP(0.0005)";
    world.connect().await.execute(cost).await.unwrap();
    // A producer took the tenant for the key.
    let (mut orders, mut messages): (Vec<Message>, Vec<Message>) =
        events(250_000, 0.0).into_iter().partition(|message| message.topic == "order");
    for message in &mut orders {
        message.key = Some(b"tenant-1".to_vec());
    }
    messages.truncate(20_000);
    messages.append(&mut orders);
    world.produce(messages).await;
    world.serve_http();
    let instance = Instance::ready(&world);
    let mut page = open(&instance);
    let said = page.until("limit", "about a partition", |text| text.contains("is in partition"));
    let topic = format!("{}order", world.prefix);
    assert!(said.contains(&topic), "{said}");
    let lag = page.text("lag");
    let row = lag.lines().find(|line| line.contains(&topic)).unwrap();
    assert!(row.contains("100 %") || row.contains("99 %"), "{lag}");
    screenshot(&mut page, "hot-partition");
    drop(instance);
    world.end().await;
}
