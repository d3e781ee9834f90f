// An address has a space.

fn main() {
    let _ = branchwire::url!("http://bank b");
}
