// An address has no host.

fn main() {
    let _ = branchwire::url!("http://");
}
