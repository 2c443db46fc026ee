//! The files in `deploy/`, checked by the tools that know their kind.

use crate::{read, repository};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use testkit::servers::install;
use testkit::world::program;

/// Shared libraries that the final image has: distroless/cc has them all but libz, which is copied.
const IMAGE_HAS: [&str; 8] =
    ["linux-vdso", "ld-linux", "libc.", "libm.", "libgcc_s.", "libssl.", "libcrypto.", "libz."];
/// Kinds that are no part of Kubernetes, so that the checker knows no schema of them.
const OTHER_KINDS: [&str; 3] = ["PrometheusRule", "ServiceMonitor", "ScaledObject"];
/// Of `systemd-analyze security`, in tenths: below 2 is "OK" at its best.
const EXPOSURE_MAX: &str = "20";

fn checkers() -> PathBuf {
    let cache = std::env::var_os("SLUICEGATE_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/sluicegate"),
        PathBuf::from,
    );
    cache.join("servers-1/checkers")
}

/// Runs a command that must succeed; gives all that it said.
#[track_caller]
fn succeed(command: &mut Command) -> String {
    let output = command.current_dir(repository("")).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

/// The documents of a YAML file.
fn yaml(path: &str) -> Vec<Value> {
    let script =
        "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let mut python = Command::new(checkers().join("python/bin/python"));
    serde_json::from_str(&succeed(python.args(["-c", script, path]))).unwrap()
}

/// The document of a kind.
#[track_caller]
fn of_kind<'d>(documents: &'d [Value], kind: &str) -> &'d Value {
    documents.iter().find(|document| document["kind"] == kind).unwrap()
}

/// The element of a list that has a name.
#[track_caller]
fn named<'l>(list: &'l Value, name: &str) -> &'l Value {
    list.as_array().unwrap().iter().find(|element| element["name"] == name).unwrap()
}

/// The files that a pod has of its Secret, with the key that each holds.
fn secret_files(pod: &Value) -> BTreeMap<String, &str> {
    let directory = &named(&pod["containers"][0]["volumeMounts"], "secrets")["mountPath"];
    let directory = directory.as_str().unwrap();
    let items = &named(&pod["volumes"], "secrets")["secret"]["items"];
    let file = |item: &Value| format!("{directory}/{}", item["path"].as_str().unwrap());
    let items = items.as_array().unwrap().iter();
    items.map(|item| (file(item), item["key"].as_str().unwrap())).collect()
}

#[test]
fn compose_file_is_valid_and_closed_to_other_machines() {
    if !install("checkers") {
        return;
    }
    let compose = checkers().join("root/usr/libexec/docker/cli-plugins/docker-compose");
    let arguments = ["--profile", "bench", "config", "--format", "json"];
    let text = succeed(Command::new(compose).args(arguments));
    let project: Value = serde_json::from_str(&text).unwrap();
    let services = project["services"].as_object().unwrap();
    let dockerfile = read("deploy/Dockerfile");
    for (name, service) in services {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}: {port}");
        }
        let image = service["image"].as_str().unwrap();
        if service["build"].is_null() {
            let tag = image.split_once(':').map_or("", |(_, tag)| tag);
            let exact = tag.trim_start_matches('v').split('.').count() == 3;
            assert!(exact, "{name}: {image} is not pinned to a version");
        } else {
            let target = service["build"]["target"].as_str().unwrap();
            assert!(dockerfile.contains(&format!("AS {target}\n")), "{name}: {target}");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let bind = volume["type"] == "bind";
            let source = volume["source"].as_str().unwrap();
            assert!(!bind || PathBuf::from(source).exists(), "{name}: {source} does not exist");
        }
        // What only sends needs none, and sluicegate's is in its image.
        let has_check = !service["healthcheck"].is_null();
        assert!(has_check || image.starts_with("sluicegate"), "{name} has no health check");
    }
    assert!(dockerfile.contains("HEALTHCHECK") && dockerfile.contains("USER 65532"));
    // It may be given to several instances.
    assert!(services["sluicegate"]["ports"][0]["published"].is_null());
    assert!(services["sluicegate"]["container_name"].is_null());
}

#[test]
fn dockerfile_keeps_the_rules_and_has_the_libraries() {
    if !install("checkers") {
        return;
    }
    let mut hadolint = Command::new(checkers().join("python/bin/hadolint"));
    succeed(hadolint.args(["--no-color", "deploy/Dockerfile"]));
    let text = succeed(Command::new("ldd").arg(program()));
    for line in text.lines() {
        let name = line.trim().rsplit('/').next().unwrap_or(line);
        let library = line.split_whitespace().next().unwrap_or_default();
        let known = |part: &&str| library.starts_with(*part) || name.starts_with(*part);
        assert!(IMAGE_HAS.iter().any(known), "the image lacks {library}");
    }
}

#[test]
fn kubernetes_manifests_fit_their_schemas() {
    if !install("checkers") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut validate = Command::new(checkers().join("python/bin/kubernetes-validate"));
    validate.arg("--strict");
    for name in ["sluicegate", "migrate", "monitoring", "rules"] {
        // The checker does not know that the server may choose a name.
        let text = read(&format!("deploy/kubernetes/{name}.yaml"));
        let file = directory.path().join(format!("{name}.yaml"));
        std::fs::write(&file, text.replace("generateName:", "name:")).unwrap();
        validate.arg(file);
    }
    let said = succeed(&mut validate);
    for warning in said.lines().filter(|line| line.starts_with("WARN")) {
        let known = OTHER_KINDS.iter().any(|kind| warning.contains(&format!("kind {kind} ")));
        assert!(known, "{warning}");
    }
    // The configuration inside is one that the program takes.
    let documents = yaml("deploy/kubernetes/sluicegate.yaml");
    let map = of_kind(&documents, "ConfigMap");
    let secret = directory.path().join("mysql-password");
    std::fs::write(&secret, "secret").unwrap();
    let text = map["data"]["sluicegate.toml"].as_str().unwrap();
    let text = text.replace("/run/secrets/sluicegate/mysql-password", secret.to_str().unwrap());
    let file = directory.path().join("sluicegate.toml");
    std::fs::write(&file, text).unwrap();
    let mut config = Command::new(program());
    let shown = succeed(config.arg("config").arg("--config").arg(&file));
    assert!(shown.contains("mysql.mysql.svc"), "{shown}");
}

#[test]
fn kubernetes_pods_have_their_own_password_and_no_other() {
    if !install("checkers") {
        return;
    }
    let documents = yaml("deploy/kubernetes/sluicegate.yaml");
    let migrate = yaml("deploy/kubernetes/migrate.yaml");
    let run = &of_kind(&documents, "Deployment")["spec"]["template"]["spec"];
    let migrate = &of_kind(&migrate, "Job")["spec"]["template"]["spec"];
    let text = of_kind(&documents, "ConfigMap")["data"]["sluicegate.toml"].as_str().unwrap();
    let config: Value = toml::from_str(text).unwrap();
    let env = named(&migrate["containers"][0]["env"], "SLUICEGATE__MYSQL__PASSWORD_FILE");
    let secret = &of_kind(&documents, "Secret")["stringData"];
    let own = [
        (run, &config["mysql"]["password_file"], "mysql-password"),
        (migrate, &env["value"], "mysql-migrate-password"),
    ];
    for (pod, file, key) in own {
        let file = file.as_str().unwrap().to_owned();
        assert_eq!(secret_files(pod), BTreeMap::from([(file, key)]));
        assert!(secret[key].is_string(), "the Secret has no {key}");
        assert_eq!(pod["enableServiceLinks"], false, "{key}");
    }
}

#[test]
fn kubernetes_rules_are_those_of_prometheus() {
    if !install("checkers") {
        return;
    }
    let mut expected = Vec::new();
    for name in ["recording", "alerts"] {
        let file = &yaml(&format!("deploy/prometheus/{name}.yml"))[0];
        expected.extend_from_slice(file["groups"].as_array().unwrap());
    }
    let rules = &yaml("deploy/kubernetes/rules.yaml")[0];
    let same = rules["spec"]["groups"] == Value::from(expected);
    assert!(same, "deploy/kubernetes/rules.yaml is not up to date: run `make rules`");
}

#[test]
fn unit_is_valid_and_hardened() {
    if !install("checkers") {
        return;
    }
    // Its paths are those of an installation.
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("sluicegate.service");
    let text = read("deploy/systemd/sluicegate.service");
    let installed = "/usr/local/bin/sluicegate ";
    assert!(text.contains(installed));
    let program = format!("{} ", program().display());
    std::fs::write(&unit, text.replace(installed, &program)).unwrap();
    let mut verify = Command::new("systemd-analyze");
    let said = succeed(verify.arg("verify").arg(&unit));
    assert!(!said.contains("sluicegate.service"), "{said}");
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--threshold", EXPOSURE_MAX]);
    succeed(security.arg(&unit));
}
