//! `tests/servers/install` gets packages where the machine does, in whichever format apt is told of it.

use crate::repository;
use std::path::Path;
use std::process::Command;

const ONE_LINE: &str = "# deb http://old.example/ubuntu noble main\n\
    deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/ubuntu noble main universe # ours\n\
    deb-src http://source.example/ubuntu noble main\n";
const DEB822: &str = "# A comment.\n\
    Types: deb-src\nURIs: http://source.example/ubuntu\nSuites: noble\nComponents: main\n\n\
    Enabled: no\nTypes: deb\nURIs: http://off.example/ubuntu\nSuites: noble\nComponents: main\n\n\
    Types: deb\n# Another.\nURIs: http://mirror.example/ubuntu\nSuites: noble\n noble-updates\n\
    Components: main universe\nSigned-By: /k.gpg\n";
const OTHERS: &str = "deb https://packages.example/apt noble stable\n";

/// What `install` would tell apt, and which packages it would ask for.
fn archive(id: &str, sources: &[(&str, &str)], packages: &str) -> Option<String> {
    let etc = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = etc.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("os-release", &format!("NAME=\"Some System\"\nID={id}\nVERSION_CODENAME=noble\n"));
    write(
        "names",
        "docker-compose-v2\nmysql-server-core-8.0\nmysql-server-core-8.4\nmysql-server\n",
    );
    for (path, text) in sources {
        write(path, text);
    }
    run(etc.path(), packages)
}

fn run(etc: &Path, packages: &str) -> Option<String> {
    let script = "source tests/servers/archive.sh && find_archive \"$1\" \"$1\" && archive_sources sid \
        && archive_names $2 <\"$1/names\"";
    let mut bash = Command::new("bash");
    bash.current_dir(repository("")).args(["-euc", script, "bash"]).arg(etc).arg(packages);
    let output = bash.output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn ubuntus_own_packages_are_found_in_both_formats() {
    let keys = "[signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg]";
    let expected = format!(
        "deb {keys} http://mirror.example/ubuntu noble-updates main universe\n\
         deb {keys} http://mirror.example/ubuntu noble main universe\n\
         mysql-server-core-8.4\ndocker-compose-v2\n"
    );
    let others = ("sources.list.d/a.list", OTHERS);
    for own in [("sources.list", ONE_LINE), ("sources.list.d/ubuntu.sources", DEB822)] {
        let found = archive("ubuntu", &[others, own], "mysql-server-core docker-compose");
        assert_eq!(found.as_ref(), Some(&expected), "{}", own.0);
    }
}

#[test]
fn debians_suites_are_all_on_the_machines_mirror() {
    let found = archive("debian", &[("sources.list", ONE_LINE)], "mysql-server-core");
    let expected = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \
        http://mirror.example/ubuntu sid main\nmysql-server-core\n";
    assert_eq!(found.as_deref(), Some(expected));
}

#[test]
fn without_an_archive_it_says_so() {
    assert_eq!(archive("ubuntu", &[("sources.list.d/a.list", OTHERS)], "mysql-server-core"), None);
    assert_eq!(archive("arch", &[("sources.list", ONE_LINE)], "mysql-server-core"), None);
}
