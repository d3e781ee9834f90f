// An address that is not written in the program.

fn main() {
    let _ = branchwire::url!(std::env::args().next().unwrap());
}
