//! ONNX Runtime: where its library is, loading it once and only when a model is used, and running a network.
//!
//! Looked for in order: `ORT_DYLIB_PATH` (then nowhere else), `.native/lib` two or three folders above the
//! executable's (where `make setup` puts it: `target/release/gemba`, `target/debug/deps/…`), `.native/lib` below
//! the working directory, the system's library path.
//!
//! A [`Network`] is one session with its input tensor, used again for every frame. Cameras of one worker that use
//! one model share it, so a further camera costs no memory. One thread, no spinning, sequential: a worker has
//! one core, and a second intra-op thread doubles the CPU for little.

use super::error::DetectError;
use super::head::{Output, Values};
use super::letterbox::{Channels, Geometry, Scratch};
use ort::environment::Environment;
use ort::ep::CPU;
use ort::logging::LogLevel;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Outlet, Tensor, TensorElementType, ValueType};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, MutexGuard};

/// File name of the library.
const LIBRARY: &str = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };

/// The environment lives as long as the process: ONNX Runtime allows one, ever.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

thread_local! {
    /// The networks in use on this worker, by the model's SHA-256.
    static OPEN: RefCell<BTreeMap<String, Weak<RefCell<Network>>>> = const { RefCell::new(BTreeMap::new()) };
}

/// The network that one thread set aside for the next one that asks for its model.
static SPARE: Mutex<Option<(String, Network)>> = Mutex::new(None);

/// A session and what it needs for a frame.
pub struct Network {
    session: Session,
    /// The picture, 1×3×height×width.
    input: Tensor<f32>,
    /// Width and height of the picture, for models that ask for them.
    extent: Option<Tensor<i64>>,
    /// The size of the input that was asked for.
    wanted: (usize, usize),
    /// Names of the outputs.
    pub outputs: Vec<String>,
    /// Width and height of the input, px.
    pub size: (usize, usize),
    /// For which geometry and padding the input was last padded.
    pub padded: Option<(Geometry, Channels)>,
    /// Buffers for filling the input.
    pub scratch: Scratch,
}

/// Where the library may lie: paths, and whether to ask the system's loader in the end.
fn places(variable: Option<OsString>, executable: Option<PathBuf>, folder: Option<PathBuf>) -> (Vec<PathBuf>, bool) {
    if let Some(path) = variable.filter(|v| !v.is_empty()) {
        return (vec![path.into()], false);
    }
    let home = executable.as_deref().and_then(Path::parent);
    let above = ["../../.native/lib", "../../../.native/lib"];
    let paths = above.iter().filter_map(|up| Some(home?.join(up)));
    (paths.chain(folder.map(|f| f.join(".native/lib"))).map(|p| p.join(LIBRARY)).collect(), true)
}

/// The environment, loading the library at the first call.
fn environment() -> Result<Environment, DetectError> {
    // A poisoned lock means that loading panicked elsewhere; it is tried again here.
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(environment) = &*environment {
        return Ok(environment.clone());
    }
    let (paths, system) =
        places(std::env::var_os("ORT_DYLIB_PATH"), std::env::current_exe().ok(), std::env::current_dir().ok());
    let loaded = load(&paths, system)?;
    Ok(environment.insert(loaded).clone())
}

fn load(paths: &[PathBuf], system: bool) -> Result<Environment, DetectError> {
    let broken = |path: &Path, message: String| DetectError::BrokenRuntime { path: path.to_owned(), message };
    let found = paths.iter().find(|path| path.is_file());
    let builder = match found {
        Some(path) => {
            // Made absolute: the loader would look for a bare name elsewhere.
            let path = path.canonicalize().map_err(|e| broken(path, e.to_string()))?;
            ort::init_from(&path).map_err(|e| broken(&path, e.to_string()))?
        }
        None => system.then(|| ort::init_from(LIBRARY).ok()).flatten().ok_or_else(|| {
            let mut tried: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
            tried.extend(system.then(|| "the system's libraries".to_owned()));
            DetectError::NoRuntime { tried: tried.join(", ") }
        })?,
    };
    let logger = Arc::new(|level: LogLevel, _: &str, id: &str, _: &str, message: &str| match level {
        LogLevel::Fatal | LogLevel::Error => tracing::debug!(target: "onnxruntime", id, "{message}"),
        _ => tracing::trace!(target: "onnxruntime", id, "{message}"),
    });
    let path = found.map_or(Path::new(LIBRARY), PathBuf::as_path);
    let environment = builder
        .with_name("gemba")
        .with_telemetry(false)
        .with_logger(logger)
        .build()
        .map_err(|e| broken(path, e.to_string()))?;
    // What matters comes back as an error; the rest is for those who debug models.
    environment.set_log_level(LogLevel::Error);
    Ok(environment)
}

/// The network of a model: the one in use on this worker, or a new one.
///
/// `wanted` is the size (width, height) of the input where the model leaves it open.
pub fn network(
    path: &Path,
    sha256: &str,
    bytes: &[u8],
    wanted: (usize, usize),
) -> Result<Rc<RefCell<Network>>, DetectError> {
    if let Some(network) = OPEN.with_borrow(|open| open.get(sha256).and_then(Weak::upgrade)) {
        return Ok(network);
    }
    if let Some((_, network)) = spare().take_if(|(of, network)| of == sha256 && network.wanted == wanted) {
        return Ok(open(sha256, network));
    }
    let refused = |e: ort::Error| DetectError::Refused { path: path.to_owned(), message: e.message().to_owned() };
    let session = builder(&environment()?).and_then(|mut b| b.commit_from_memory(bytes)).map_err(refused)?;
    let (size, asks) = inputs(&session, wanted)
        .ok_or_else(|| DetectError::Input { path: path.to_owned(), inputs: describe(session.inputs()) })?;
    let tensor = |length: usize| vec![0f32; length].into_boxed_slice();
    let input = Tensor::from_array(([1, 3, size.1, size.0], tensor(3 * size.0 * size.1))).map_err(refused)?;
    let extent = match asks {
        false => None,
        true => Some(Tensor::from_array(([1, 2], vec![size.0 as i64, size.1 as i64])).map_err(refused)?),
    };
    let outputs = session.outputs().iter().map(|o| o.name().to_owned()).collect();
    let network = Network { session, input, extent, wanted, outputs, size, padded: None, scratch: Scratch::default() };
    Ok(open(sha256, network))
}

/// The network in use on this worker from now on.
fn open(sha256: &str, network: Network) -> Rc<RefCell<Network>> {
    let network = Rc::new(RefCell::new(network));
    OPEN.with_borrow_mut(|open| {
        open.retain(|_, other| other.strong_count() > 0);
        open.insert(sha256.to_owned(), Rc::downgrade(&network));
    });
    network
}

/// Leaves a network to whichever thread asks for its model next; one that others on this thread use stays theirs.
/// Opening it again would cost as much as a dozen frames.
pub fn set_aside(sha256: String, network: Rc<RefCell<Network>>) {
    if let Some(network) = Rc::into_inner(network) {
        *spare() = Some((sha256, network.into_inner()));
    }
}

fn spare() -> MutexGuard<'static, Option<(String, Network)>> {
    SPARE.lock().unwrap_or_else(|e| e.into_inner())
}

fn builder(environment: &Environment) -> Result<SessionBuilder, ort::Error> {
    Ok(Session::builder(environment)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_log_level(LogLevel::Error)?
        .with_execution_providers([CPU::default().with_arena_allocator(true).build()])?)
}

/// The size of the picture that the session takes, and whether it asks for that size in a second input.
fn inputs(session: &Session, wanted: (usize, usize)) -> Option<((usize, usize), bool)> {
    let tensor = |outlet: &Outlet, element| match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } if *ty == element => Some(shape.to_vec()),
        _ => None,
    };
    let asks = match session.inputs() {
        [_] => false,
        [_, extent] => match *tensor(extent, TensorElementType::Int64)? {
            [1 | -1, 2] => true,
            _ => return None,
        },
        _ => return None,
    };
    let [1 | -1, 3, height, width] = *tensor(&session.inputs()[0], TensorElementType::Float32)? else { return None };
    let side = |given: i64, wanted| if given == -1 { Some(wanted) } else { usize::try_from(given).ok() };
    let size = (side(width, wanted.0)?, side(height, wanted.1)?);
    let sane = |side: usize| (1..=8192).contains(&side);
    (sane(size.0) && sane(size.1)).then_some((size, asks))
}

/// Names, types and shapes, for messages.
fn describe(outlets: &[Outlet]) -> String {
    let list: Vec<String> = outlets.iter().map(|o| format!("{}: {}", o.name(), o.dtype())).collect();
    list.join("; ")
}

impl Network {
    /// The input's values, 3×height×width, and the buffers for filling it.
    pub fn input(&mut self) -> (&mut [f32], &mut Scratch) {
        (self.input.extract_tensor_mut().1, &mut self.scratch)
    }

    /// Runs the network on its input and hands the outputs to `read`.
    pub fn run<R>(&mut self, read: impl FnOnce(&[Output<'_>]) -> R) -> Result<R, String> {
        let picture = SessionInputValue::from(&self.input);
        let result = match &self.extent {
            None => self.session.run([picture]),
            Some(extent) => self.session.run([picture, SessionInputValue::from(extent)]),
        };
        let values = result.map_err(|e| e.message().to_owned())?;
        let outputs: Vec<Output<'_>> =
            self.outputs.iter().enumerate().map(|(i, name)| output(name, &values[i])).collect();
        Ok(read(&outputs))
    }
}

fn output<'a>(name: &'a str, value: &'a DynValue) -> Output<'a> {
    if let Ok((shape, floats)) = value.try_extract_tensor::<f32>() {
        Output { name, shape, values: Values::Floats(floats) }
    } else if let Ok((shape, longs)) = value.try_extract_tensor::<i64>() {
        Output { name, shape, values: Values::Longs(longs) }
    } else if let Ok((shape, ints)) = value.try_extract_tensor::<i32>() {
        Output { name, shape, values: Values::Ints(ints) }
    } else {
        Output { name, shape: value.dtype().tensor_shape().map_or(&[], |s| s), values: Values::Other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_comes_first_and_alone() {
        let (paths, system) = places(Some("/x/libonnxruntime.so".into()), Some("/a/b/c".into()), Some("/d".into()));
        assert_eq!((paths, system), (vec!["/x/libonnxruntime.so".into()], false));
        let (paths, system) = places(Some("".into()), Some("/a/target/release/gemba".into()), Some("/d".into()));
        assert_eq!(paths[0], Path::new("/a/target/release/../../.native/lib").join(LIBRARY));
        assert_eq!(paths[2], Path::new("/d/.native/lib").join(LIBRARY));
        assert!(system);
    }

    #[test]
    fn a_missing_library_says_what_to_do() {
        let error = load(&["/nowhere/libonnxruntime.so".into()], false).unwrap_err().to_string();
        assert!(error.contains("make setup") && error.contains("/nowhere/libonnxruntime.so"), "{error}");
        let error = load(&[concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into()], false).unwrap_err().to_string();
        assert!(error.contains("make setup") && error.contains("does not load"), "{error}");
    }
}
