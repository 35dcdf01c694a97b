//! A session's settings where functions can see them: an extension of DataFusion's options.
//!
//! Text forms depend on the session (its zone, what `'now'` means), and a function is handed
//! nothing but the options. The session puts a [`SessionFormats`] there for each statement:
//!
//! ```ignore
//! options.extensions.insert(SessionFormats(settings));
//! ```
//!
//! Where none is, `datafusion.execution.time_zone` says the zone, and UTC if that is unset.

use super::failure::raise;
use cvx_types::FormatSettings;
use cvx_types::zone::TimeZone;
use datafusion::common::Result;
use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::logical_expr::ScalarFunctionArgs;
use std::any::Any;

#[derive(Clone, Debug, Default)]
pub struct SessionFormats(pub FormatSettings);

impl ConfigExtension for SessionFormats {
    const PREFIX: &'static str = "cvx_formats";
}

impl ExtensionOptions for SessionFormats {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    /// The session sets its own variables; this is only their mirror.
    fn set(&mut self, key: &str, _: &str) -> Result<()> {
        let what = format!("setting {}.{key}", Self::PREFIX);
        Err(raise(cvx_types::SqlError::unsupported(what)))
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}

/// The settings in force for these options.
pub(crate) fn formats(options: &ConfigOptions) -> Result<FormatSettings> {
    if let Some(SessionFormats(settings)) = options.extensions.get::<SessionFormats>() {
        return Ok(settings.clone());
    }
    let zone = options.execution.time_zone.as_deref().filter(|zone| !zone.is_empty());
    let timezone = zone.map_or(Ok(TimeZone::UTC), TimeZone::parse).map_err(raise)?;
    Ok(FormatSettings { timezone, ..FormatSettings::default() })
}

/// The settings in force for a call.
pub(crate) fn formats_of(args: &ScalarFunctionArgs) -> Result<FormatSettings> {
    formats(&args.config_options)
}
