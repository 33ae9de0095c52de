//! Nothing here: the tests of the documentation are in `tests/`.
