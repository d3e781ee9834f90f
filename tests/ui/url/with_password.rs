// An address holds a password.

fn main() {
    let _ = branchwire::url!("http://me:secret@bank-b");
}
