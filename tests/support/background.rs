//! Servers of single tests, which run beside them.

use std::future::{Future, pending};
use std::sync::{OnceLock, mpsc};
use std::thread;

use tokio::runtime::Handle;

/// Starts servers on a thread of their own, where they run until they are dropped.
pub(crate) fn background<T: Send + 'static>(start: impl Future<Output = T> + Send + 'static) -> T {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    let handle = RUNTIME.get_or_init(|| {
        let (handles, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            handles.send(runtime.handle().clone()).expect("whoever asked waits");
            runtime.block_on(pending::<()>());
        });
        told.recv().expect("the thread makes a runtime")
    });
    let (started, told) = mpsc::channel();
    handle.spawn(async move { started.send(start.await) });
    told.recv().expect("the servers start")
}
