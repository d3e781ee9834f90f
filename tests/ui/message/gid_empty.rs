// A gid is empty.

fn main() {
    let _ = branchwire::gid!("");
}
