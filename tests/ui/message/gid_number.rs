// A gid is a number.

fn main() {
    let _ = branchwire::gid!(7);
}
