//! tokio-postgres and sqlx as their users have them: all types, pgvector's crate, a pool.
//!
//!     cvx-rust-clients PORT tokio-postgres|sqlx
//!
//! It says how much it checked; the first thing that is not as expected ends it.

mod checks;
mod sqlx_client;
mod tokio_client;
mod tokio_tables;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), checks::Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let (port, client) = match arguments.as_slice() {
        [_, port, client] => (port.parse()?, client.as_str()),
        _ => return Err("cvx-rust-clients PORT tokio-postgres|sqlx".into()),
    };
    match client {
        "tokio-postgres" => tokio_client::run(port).await?,
        "sqlx" => sqlx_client::run(port).await?,
        other => return Err(format!("no client {other}").into()),
    }
    println!("{client}: {} checks", checks::count());
    Ok(())
}
