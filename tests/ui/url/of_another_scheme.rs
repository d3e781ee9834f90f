// An address has another scheme.

fn main() {
    let _ = branchwire::url!("ftp://bank-b");
}
