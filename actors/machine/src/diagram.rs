//! Diagram
