// An address has no scheme.

fn main() {
    let _ = branchwire::url!("bank-b:8080");
}
