//! Trained models are in memory before anybody asks: a thread reads them when a server starts, and
//! says how many. It holds up nothing; who predicts meanwhile has his own model read first.

use cvx_engine::Engine;
use cvx_predict::Predictor;
use std::path::Path;
use std::sync::Arc;

/// Reads a database's models in the background.
pub(crate) fn in_background(engine: &Arc<Engine>) -> std::io::Result<()> {
    // Weak, so that a database that is closed meanwhile closes.
    let engine = Arc::downgrade(engine);
    let load = move || {
        if let Some(engine) = engine.upgrade() {
            load(&engine);
        }
    };
    std::thread::Builder::new().name("cvx-models".to_owned()).spawn(load).map(drop)
}

fn load(engine: &Engine) {
    let mut damaged = 0;
    let tell = |path: &Path, reason| {
        damaged += 1;
        tracing::error!(path = %path.display(), %reason, "a trained model cannot be read");
    };
    let decode = |bytes: &[u8]| Predictor::decode(bytes).map_err(|error| error.to_string());
    match engine.load_models(decode, tell) {
        Ok(loaded) => tracing::info!(loaded, damaged, "trained models are in memory"),
        Err(error) => tracing::error!(%error, "trained models cannot be listed"),
    }
}
