//! The contract of `chancery_actors::ports::Store`, held against every store: each rule of the port's comments is one
//! test, run over all of them. What only the embedded store promises stands in `durability` and `format`.

mod concurrency;
mod contract;
mod crash;
mod durability;
mod format;
mod model;
mod support;
