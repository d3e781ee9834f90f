// A gid of a literal is computed.

fn main() {
    let order = 7;
    let _ = branchwire::gid!(order);
}
