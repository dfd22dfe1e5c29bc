//! The engine's [`Store`](chancery_actors::ports::Store) in two kinds: [`memory`], which forgets at the end of the
//! process, and [`redb`], one file on a disk. The contract stands at the port; `tests/store` holds both to it.

mod check;
pub mod memory;
pub mod redb;
mod stretch;

pub use self::memory::MemoryStore;
pub use self::redb::RedbStore;
