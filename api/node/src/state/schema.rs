//! The schema of the store that the settings name.

use super::{State, nobodys_mysql};
use crate::data_folder::DataFolder;
use crate::settings::Settings;

/// A migration and whether the store has it.
pub struct Step {
    pub version: u32,
    pub name: String,
    pub is_applied: bool,
    pub sql: String,
}

macro_rules! steps {
    ($from:expr) => {
        $from
            .into_iter()
            .map(|step| Step {
                version: step.version,
                name: step.name,
                is_applied: step.is_applied,
                sql: step.sql,
            })
            .collect()
    };
}

impl State {
    /// All migrations, in order.
    ///
    /// # Errors
    /// The store cannot be asked, or is of a newer build.
    pub async fn migrations(settings: &Settings) -> anyhow::Result<Vec<Step>> {
        Ok(match settings.stores.state.as_str() {
            "" => steps!(weir_embedded::migrate::status(&folder(settings)?.store())?),
            url => {
                let mysql = nobodys_mysql(url, settings)?;
                steps!(weir_mysql::migrate::status(mysql.connections()).await?)
            }
        })
    }

    /// Applies what is missing; gives what was applied.
    ///
    /// # Errors
    /// A migration failed.
    pub async fn migrate(settings: &Settings) -> anyhow::Result<Vec<Step>> {
        Ok(match settings.stores.state.as_str() {
            "" => steps!(weir_embedded::migrate::up(&folder(settings)?.store())?),
            url => steps!(nobodys_mysql(url, settings)?.migrate().await?),
        })
    }
}

/// The data folder: only a file needs one.
fn folder(settings: &Settings) -> anyhow::Result<DataFolder> {
    DataFolder::open(&settings.node.data)
}

/// The migrations that are missing.
pub(super) async fn plan(settings: &Settings) -> anyhow::Result<Vec<Step>> {
    let mut steps = State::migrations(settings).await?;
    steps.retain(|step| !step.is_applied);
    Ok(steps)
}
