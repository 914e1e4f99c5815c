//! What a database of a series contains, as data that is compiled in: `modules/<module>/<series>/<what>.json`.
//!
//! `models.json` defines models and fields, `methods.json` the methods that can be called, `ir.model.access.json` and
//! `ir.rule.json` who may do what; the other files are records of the model that they are named after.
//! `modules/import.py` tells their forms.

use include_dir::{Dir, include_dir};
use serde::de::DeserializeOwned;

use crate::series::Series;

static MODULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/modules");

/// One module, in the edition of a series.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// Its name: `base`.
    pub name: &'static str,
    folder: &'static Dir<'static>,
}

/// The modules of a series, `base` first.
#[must_use]
pub fn of(series: Series) -> Vec<Module> {
    let edition = series.data().name();
    let mut modules: Vec<_> = MODULES
        .dirs()
        .filter_map(|module| {
            let name = module.path().to_str()?;
            Some(Module { name, folder: module.get_dir(module.path().join(edition))? })
        })
        .collect();
    modules.sort_by_key(|module| (module.name != "base", module.name));
    modules
}

impl Module {
    /// Reads a file of the module; nothing where it has none of that name.
    ///
    /// # Panics
    /// The file has another form than is asked for; the tests read every one.
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self, what: &str) -> Option<T> {
        let file = self.folder.get_file(self.folder.path().join(format!("{what}.json")))?;
        let read = serde_json::from_slice(file.contents());
        Some(read.unwrap_or_else(|error| panic!("{}: {error}", file.path().display())))
    }

    /// The models of which the module has records.
    pub fn record_files(&self) -> impl Iterator<Item = &'static str> {
        let names = self.folder.files().filter_map(|file| file.path().file_stem()?.to_str());
        names.filter(|name| !matches!(*name, "models" | "methods"))
    }
}
