//! The engine: supervised actors that drive the machines of `chancery-machine`, and the ports to the world.

pub mod ports;
