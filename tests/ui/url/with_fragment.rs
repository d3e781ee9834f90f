// An address with a fragment.

fn main() {
    let _ = branchwire::url!("http://bank-b/#top");
}
