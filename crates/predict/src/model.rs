//! A predictor as bytes.
//!
//! ```text
//!   | 8        | 4       | 8              |        | 4      |
//!   | CVXMODEL | version | payload length | payload| crc32c |
//!
//!   little-endian; the checksum is of all bytes before it; the payload is postcard's of `Stored`
//! ```
//!
//! Whatever bytes are read, the answer is a predictor that works or an error: shapes and numbers
//! are checked after the checksum. A version that is not ours is refused and must be trained anew:
//! models are cheap, and a converter would have to be right.

use cvx_analytics::Projection;
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::backtest::Score;
use crate::conformal::Calibration;
use crate::error::Error;
use crate::mlp::{Layer, Mlp};
use crate::ode::Ode;
use crate::predictor::Predictor;
use crate::split::Split;

const MAGIC: &[u8; 8] = b"CVXMODEL";
const VERSION: u32 = 1;
const HEAD: usize = 20;
const CHECKSUM: usize = 4;

#[derive(Serialize, Deserialize)]
struct Stored {
    dim: usize,
    split: Split,
    judged: Vec<(Score, Calibration)>,
    until_us: i64,
    ode: Option<StoredOde>,
}

#[derive(Serialize, Deserialize)]
struct StoredOde {
    mean: Vec<f64>,
    axes: Vec<f64>,
    variances: Vec<f64>,
    unit: f64,
    unit_days: f64,
    seen_days: f64,
    layers: Vec<StoredLayer>,
    /// By columns.
    linear: Vec<f64>,
}

/// Weights by columns.
#[derive(Serialize, Deserialize)]
struct StoredLayer {
    weights: Vec<f64>,
    bias: Vec<f64>,
}

impl Predictor {
    /// The bytes that [`Self::decode`] reads.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let stored = Stored {
            dim: self.dim,
            split: self.split,
            judged: self.judged.clone(),
            until_us: self.until_us,
            ode: self.ode.as_ref().map(StoredOde::of),
        };
        let payload =
            postcard::to_stdvec(&stored).map_err(|_| Error::NotAModel("it cannot be written"))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((payload.len() as u64).to_le_bytes());
        bytes.extend(payload);
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// What [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut stored: Stored = postcard::from_bytes(payload(bytes)?)
            .map_err(|_| Error::NotAModel("its payload is broken"))?;
        for (_, calibration) in &stored.judged {
            calibration.check()?;
            if calibration.dim() != stored.dim {
                return Err(Error::NotAModel("its parts are of different dimensions"));
            }
        }
        let ode = stored.ode.take().map(StoredOde::restore).transpose()?;
        if stored.dim == 0 || ode.as_ref().is_some_and(|ode| ode.dim() != stored.dim) {
            return Err(Error::NotAModel("its parts are of different dimensions"));
        }
        let Stored { dim, split, judged, until_us, .. } = stored;
        Ok(Self { dim, split, ode, judged, until_us })
    }
}

fn payload(bytes: &[u8]) -> Result<&[u8], Error> {
    let body = bytes.len().checked_sub(CHECKSUM).filter(|body| *body >= HEAD);
    let Some((body, checksum)) = body.and_then(|body| bytes.split_at_checked(body)) else {
        return Err(Error::NotAModel("it is too short"));
    };
    let number = |at: usize| body.get(at..at + 4).and_then(|four| four.try_into().ok());
    if !body.starts_with(MAGIC) {
        return Err(Error::NotAModel("it does not begin as one"));
    }
    if number(8).map(u32::from_le_bytes) != Some(VERSION) {
        return Err(Error::NotAModel("it is of another version: train it anew"));
    }
    if checksum != crc32c::crc32c(body).to_le_bytes() {
        return Err(Error::NotAModel("its checksum is wrong"));
    }
    let length = body.get(12..HEAD).and_then(|eight| eight.try_into().ok()).map(u64::from_le_bytes);
    let payload = &body[HEAD..];
    if length != Some(payload.len() as u64) {
        return Err(Error::NotAModel("its length is wrong"));
    }
    Ok(payload)
}

impl StoredOde {
    fn of(ode: &Ode) -> Self {
        let layer = |layer: &Layer| StoredLayer {
            weights: layer.weights.as_slice().to_vec(),
            bias: layer.bias.as_slice().to_vec(),
        };
        Self {
            mean: ode.frame.mean().to_vec(),
            axes: ode.frame.axes().to_vec(),
            variances: ode.frame.variances().to_vec(),
            unit: ode.unit,
            unit_days: ode.unit_days,
            seen_days: ode.seen_days,
            layers: ode.mlp.layers.iter().map(layer).collect(),
            linear: ode.mlp.linear.as_slice().to_vec(),
        }
    }

    fn restore(self) -> Result<Ode, Error> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if ![self.unit, self.unit_days, self.seen_days].into_iter().all(positive) {
            return Err(Error::NotAModel("its scales are broken"));
        }
        let frame = Projection::from_parts(self.mean, self.axes, self.variances)
            .map_err(|_| Error::NotAModel("its projection is broken"))?;
        let mut layers = Vec::with_capacity(self.layers.len());
        let mut inputs = 2 * frame.rank();
        for layer in self.layers {
            let outputs = layer.bias.len();
            layers.push(layer.restore(inputs)?);
            inputs = outputs;
        }
        let size = 2 * frame.rank();
        let linear = self.linear;
        let finite = linear.iter().all(|value| value.is_finite());
        if layers.is_empty() || inputs != size || linear.len() != size * size || !finite {
            return Err(Error::NotAModel("its network is broken"));
        }
        let linear = DMatrix::from_vec(size, size, linear);
        let (unit, unit_days, seen_days) = (self.unit, self.unit_days, self.seen_days);
        Ok(Ode { frame, unit, unit_days, seen_days, mlp: Mlp { layers, linear } })
    }
}

impl StoredLayer {
    fn restore(self, inputs: usize) -> Result<Layer, Error> {
        let outputs = self.bias.len();
        let whole = outputs > 0 && outputs.checked_mul(inputs) == Some(self.weights.len());
        if !whole || !self.weights.iter().chain(&self.bias).all(|value| value.is_finite()) {
            return Err(Error::NotAModel("its network is broken"));
        }
        let weights = DMatrix::from_vec(outputs, inputs, self.weights);
        Ok(Layer { weights, bias: DVector::from_vec(self.bias) })
    }
}

#[cfg(test)]
mod tests {
    use cvx_core::CancelToken;

    use super::*;
    use crate::{BacktestOptions, Choice, TrainOptions, synthetic};

    fn some_model() -> Predictor {
        let orbits = synthetic::orbits(30, 15, 6, 0.02, 2);
        let training = TrainOptions { epochs_max: 3, width: 8, ..TrainOptions::STANDARD };
        let subjects = synthetic::subjects(&orbits);
        let (options, stop) = (BacktestOptions::STANDARD, CancelToken::default());
        Predictor::trained(&subjects, &training, &options, &mut |_| (), &stop).unwrap()
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let model = some_model();
        let read = Predictor::decode(&model.encode().unwrap()).unwrap();
        assert_eq!(read, model);
        let orbit = &synthetic::orbits(1, 15, 6, 0.02, 9)[0];
        let (path, at) = (orbit.head(12), orbit.ts[13]);
        let ask = |model: &Predictor| model.predict(&path, at, Choice::Auto, 0.5).unwrap();
        assert_eq!(ask(&read), ask(&model));
    }

    #[test]
    fn no_flipped_bit_and_no_lost_byte_goes_unseen() {
        let bytes = some_model().encode().unwrap();
        for at in (0..bytes.len()).step_by(97).chain(0..HEAD).chain(bytes.len() - 4..bytes.len()) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(matches!(Predictor::decode(&flipped), Err(Error::NotAModel(_))), "byte {at}");
            assert!(Predictor::decode(&bytes[..at]).is_err());
        }
    }

    /// Checksums keep accidents out, not authors: payloads that lie about their shapes.
    #[test]
    fn a_model_that_cannot_work_is_refused() {
        let honest = some_model();
        let lies: [fn(&mut Predictor); 4] = [
            |model| model.dim += 1,
            |model| model.ode.as_mut().unwrap().unit = f64::NAN,
            |model| drop(model.ode.as_mut().unwrap().mlp.layers.pop()),
            |model| model.ode.as_mut().unwrap().mlp.layers[0].weights[0] = f64::INFINITY,
        ];
        for lie in lies {
            let mut model = honest.clone();
            lie(&mut model);
            let read = Predictor::decode(&model.encode().unwrap());
            assert!(matches!(read, Err(Error::NotAModel(_))), "{read:?}");
        }
    }
}
