// An address is a number.

fn main() {
    let _ = branchwire::url!(8080);
}
