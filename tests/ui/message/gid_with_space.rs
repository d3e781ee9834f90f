// A gid has a space.

fn main() {
    let _ = branchwire::gid!("order 7");
}
