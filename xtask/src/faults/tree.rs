//! A copy of the tree, in which faults are planted.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::cmd;
use anyhow::{Context, Result};

use super::list::Fault;
use crate::archive;

/// The files of the tree, copied where nothing else looks.
pub(crate) struct Tree {
    root: PathBuf,
    /// Held as long as this is used: two processes that plant in one tree would test the faults of each other.
    _lock: fs::File,
}

impl Tree {
    /// Copies what changed since the last time, so that Cargo builds no more than that anew.
    pub(crate) fn copy() -> Result<Self> {
        let folder = archive::work_dir("faults")?;
        let lock = fs::File::create(folder.join("lock"))?;
        lock.lock()?;
        let root = folder.join("tree");
        let listed = cmd!("git ls-files --cached --others --exclude-standard").quiet().read()?;
        let files: Vec<&Path> = listed
            .lines()
            .map(Path::new)
            .filter(|path| crate::process::root().join(path).is_file())
            .collect();
        remove_others(&root, &root, &files)?;
        for file in files {
            let (from, to) = (crate::process::root().join(file), root.join(file));
            let content = fs::read(&from).with_context(|| from.display().to_string())?;
            if fs::read(&to).ok().as_ref() != Some(&content) {
                fs::create_dir_all(to.parent().unwrap_or(&root))?;
                fs::write(&to, content)?;
            }
        }
        Ok(Self { root, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Plants a fault until the result is dropped.
    pub(crate) fn plant(&self, fault: &Fault) -> Result<Planted> {
        let file = self.root.join(&fault.file);
        let whole = fs::read_to_string(&file)?;
        let planted = Planted { file, whole };
        fs::write(&planted.file, planted.whole.replacen(&fault.old, &fault.new, 1))?;
        Ok(planted)
    }
}

/// A file with a fault.
pub(crate) struct Planted {
    file: PathBuf,
    whole: String,
}

impl Drop for Planted {
    fn drop(&mut self) {
        // The next copy repairs the file.
        if let Err(error) = fs::write(&self.file, &self.whole) {
            println!("{} keeps its fault: {error}", self.file.display());
        }
    }
}

/// Removes what the tree does not have any more.
fn remove_others(root: &Path, folder: &Path, files: &[&Path]) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let inside = path.strip_prefix(root)?;
        if path.is_dir() {
            remove_others(root, &path, files)?;
        } else if files.binary_search(&inside).is_err() && !files.contains(&inside) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
