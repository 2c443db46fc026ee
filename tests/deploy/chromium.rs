//! A headless Chromium, spoken to in the DevTools protocol over a pipe.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use testkit::DEADLINE;

const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// It takes its commands on descriptor 3, and answers on 4.
const PIPES: &str = r#"exec chromium "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;
/// Nothing that it would like to know from elsewhere.
const QUIET: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// One page of a browser of its own.
pub(crate) struct Page {
    child: Child,
    messages: Receiver<Value>,
    session: Option<String>,
    last: u64,
    /// The address of every request that the page made.
    pub(crate) requested: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Page {
    pub(crate) fn open(url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("bash")
            .args(["-c", PIPES, "chromium", "--remote-debugging-pipe"])
            .args(QUIET)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in answers.split(0).map_while(Result::ok) {
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
            }
        });
        let session = None;
        let mut page =
            Self { child, messages, session, last: 0, requested: Vec::new(), _profile: profile };
        let target = page.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = page.call("Target.attachToTarget", &attach);
        page.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        page.call("Network.enable", &json!({}));
        page.call("Page.enable", &json!({}));
        page.call("Page.navigate", &json!({ "url": url }));
        page
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.child.stdin.as_mut().unwrap().write_all(&bytes).unwrap();
        loop {
            let answer = self.messages.recv_timeout(DEADLINE);
            let mut answer = answer.unwrap_or_else(|error| panic!("{method}: {error}"));
            if answer["method"] == "Network.requestWillBeSent" {
                let url = answer["params"]["request"]["url"].as_str().unwrap();
                self.requested.push(url.to_owned());
            }
            if answer["id"] == self.last {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }

    /// The value of an expression of JavaScript.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        let mut result = self.call("Runtime.evaluate", &params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].take()
    }

    /// The text of an element, as it is to be read.
    pub(crate) fn text(&mut self, id: &str) -> String {
        let element = format!("document.getElementById('{id}')?.innerText ?? ''");
        self.value(&element).as_str().unwrap().to_owned()
    }

    /// Waits until the text of an element is as wanted.
    pub(crate) fn until(&mut self, id: &str, what: &str, is: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let text = self.text(id);
            if is(&text) {
                return text;
            }
            assert!(Instant::now() < deadline, "#{id} is not {what}: {text}");
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// A window of this size, light or dark.
    pub(crate) fn show(&mut self, (width, height): (u32, u32), scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// The whole page as a picture.
    pub(crate) fn screenshot(&mut self, file: &Path) {
        let size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]";
        let size = self.value(size);
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1 });
        let params = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.call("Page.captureScreenshot", &params);
        let png = BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(file, png).unwrap();
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
