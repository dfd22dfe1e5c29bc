//! What an operator does.

pub mod apply;
pub mod authorities;
pub mod settings;
pub mod time;
pub mod view;
