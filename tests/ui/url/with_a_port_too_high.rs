// An address has an impossible port.

fn main() {
    let _ = branchwire::url!("http://bank-b:80800");
}
