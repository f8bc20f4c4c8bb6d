//! The program. What it does begins in the library beside.

fn main() -> std::process::ExitCode {
    vestibule::main()
}
