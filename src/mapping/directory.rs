//! A directory of the user's own mapping files.

use super::{BUILT_IN, Mapping, MappingError, compile};
use std::path::{Path, PathBuf};

const EXTENSION: &str = "toml";

/// See [`Mapping::with_directory`].
pub(super) fn compile(directory: &Path, has_built_in: bool) -> Result<Mapping, Vec<MappingError>> {
    let mut faults = Vec::new();
    let mut own: Vec<(String, String)> = Vec::new();
    for path in files(directory, &mut faults) {
        match std::fs::read_to_string(&path) {
            Ok(text) => own.push((path.display().to_string(), text)),
            Err(error) => faults.push(fault(&path, format!("cannot be read: {error}"))),
        }
    }
    own.sort();
    let topics: Vec<String> = own.iter().flat_map(|(_, text)| compile::topics_of(text)).collect();
    let is_replaced =
        |text: &str| compile::topics_of(text).iter().any(|topic| topics.contains(topic));
    let built_in = BUILT_IN.into_iter().filter(|(_, text)| has_built_in && !is_replaced(text));
    let own = own.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    match compile::compile(built_in.chain(own)) {
        Ok(mapping) if faults.is_empty() => Ok(mapping),
        Ok(_) => Err(faults),
        Err(found) => {
            faults.extend(found);
            Err(faults)
        }
    }
}

/// The mapping files. A near miss in a name is a fault, and so is a directory without any: in either
/// case the built-in files would silently apply.
fn files(directory: &Path, faults: &mut Vec<MappingError>) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            faults.push(fault(directory, format!("cannot be read: {error}")));
            return Vec::new();
        }
    };
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry.map(|entry| entry.path()) {
            Ok(path) if extension(&path) == EXTENSION => files.push(path),
            Ok(path) if path.is_file() => others.push(path),
            Ok(_) => {}
            Err(error) => faults.push(fault(directory, format!("cannot be read: {error}"))),
        }
    }
    others.sort();
    for path in others.iter().filter(|path| is_nearly(&extension(path))) {
        let problem =
            "is not read, because its name does not end in .toml; rename it or move it away";
        faults.push(fault(path, problem.to_owned()));
    }
    if files.is_empty() {
        let names: Vec<_> = others.iter().filter_map(|path| path.file_name()).collect();
        let found = match names.as_slice() {
            [] => "the directory is empty".to_owned(),
            names => format!("found only {}", names.join(", ".as_ref()).display()),
        };
        let problem = format!(
            "has no mapping file, whose name ends in .toml ({found}); add one, or remove mapping.directory"
        );
        faults.push(fault(directory, problem));
    }
    files
}

fn extension(path: &Path) -> String {
    path.extension().map_or(String::new(), |extension| extension.to_string_lossy().into_owned())
}

/// Whether an extension is a misspelt `toml`: `TOML`, `tml`, `tmol`.
fn is_nearly(extension: &str) -> bool {
    strsim::osa_distance(&extension.to_lowercase(), EXTENSION) <= 1
}

fn fault(path: &Path, problem: String) -> MappingError {
    MappingError { file: path.display().to_string(), line: 1, key: "file".to_owned(), problem }
}
