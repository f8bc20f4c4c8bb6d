//! The program. What it does begins in the library beside.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Memory that is given back is overwritten: what was typed passes through buffers of hyper, axum and
/// lettre that are not ours to clear (`docs/decisions/0017-given-back-memory-is-overwritten.md`).
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    vestibule::main()
}
