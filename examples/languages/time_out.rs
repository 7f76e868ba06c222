// A connect time-out, in Rust: rustc time_out.rs && netlab exec -- ./time_out
use std::net::{TcpStream, ToSocketAddrs};
use std::{env, io::ErrorKind, time::Duration};

fn main() {
    let at = env::var("NETLAB_BLACKHOLE").unwrap();
    let address = at.to_socket_addrs().unwrap().next().unwrap();
    let error = TcpStream::connect_timeout(&address, Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    println!("timed out");
}
