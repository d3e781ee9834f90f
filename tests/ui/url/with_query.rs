// An address of a service has a query.

fn main() {
    let _ = branchwire::url!("http://bank-b?x=1");
}
