//! Authorities while the server runs.
