//! A client of the server under test: tokio-postgres, with what the tests ask of it.

use bytes::{BufMut as _, Bytes, BytesMut};
use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{AsyncMessage, Client, NoTls};

/// A connection, and the notices it was sent.
pub struct Connection {
    pub client: Client,
    notices: Arc<Mutex<Vec<String>>>,
}

/// Connects as `cvx`, the user that is there from the start.
pub async fn connect(addr: SocketAddr) -> Result<Connection, tokio_postgres::Error> {
    connect_as(addr, "user=cvx dbname=cvx").await
}

/// Connects with these words added to the connection string.
pub async fn connect_as(
    addr: SocketAddr,
    words: &str,
) -> Result<Connection, tokio_postgres::Error> {
    let target = format!("host={} port={} {words}", addr.ip(), addr.port());
    let (client, mut connection) = tokio_postgres::connect(&target, NoTls).await?;
    let notices = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&notices);
    tokio::spawn(async move {
        while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                Ok(AsyncMessage::Notice(notice)) => {
                    told.lock().unwrap_or_else(PoisonError::into_inner).push(notice.to_string());
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    });
    Ok(Connection { client, notices })
}

impl Connection {
    /// The notices since the last call.
    #[must_use]
    pub fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The SQLSTATE of a failed statement; `None` where the connection failed instead.
#[must_use]
pub fn sqlstate(error: &tokio_postgres::Error) -> Option<&str> {
    error.code().map(SqlState::code)
}

/// An error with its causes, for people.
#[must_use]
pub fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => {
            let hint = db.hint().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
            format!("{}: {}{hint}", db.code().code(), db.message())
        }
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// A `vector` value in pgvector's binary form: u16 dimension, u16 zero, big-endian floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector(pub Vec<f32>);

impl ToSql for Vector {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.put_u16(u16::try_from(self.0.len())?);
        out.put_u16(0);
        self.0.iter().for_each(|x| out.put_f32(*x));
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        ty.name() == "vector"
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Vector {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let (head, body) = raw.split_at_checked(4).ok_or("a vector of fewer than four bytes")?;
        let (dim, floats) = (u16::from_be_bytes([head[0], head[1]]), body.as_chunks::<4>());
        if !floats.1.is_empty() || floats.0.len() != usize::from(dim) {
            return Err("a vector whose length is not its dimension".into());
        }
        Ok(Self(floats.0.iter().map(|bytes| f32::from_be_bytes(*bytes)).collect()))
    }

    fn accepts(ty: &Type) -> bool {
        ty.name() == "vector"
    }
}

/// Rows in COPY's binary form, built by hand: the server's decoder gets a second opinion.
#[derive(Debug)]
pub struct CopyRows(BytesMut);

impl Default for CopyRows {
    fn default() -> Self {
        let mut bytes = BytesMut::new();
        bytes.put_slice(b"PGCOPY\n\xff\r\n\0");
        bytes.put_i32(0);
        bytes.put_i32(0);
        Self(bytes)
    }
}

impl CopyRows {
    /// Adds a row; `None` is NULL, the rest are values in their types' binary form.
    pub fn row(&mut self, cells: &[Option<&[u8]>]) {
        self.0.put_i16(i16::try_from(cells.len()).unwrap_or(i16::MAX));
        for cell in cells {
            match cell {
                Some(bytes) => {
                    self.0.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
                    self.0.put_slice(bytes);
                }
                None => self.0.put_i32(-1),
            }
        }
    }

    /// The whole stream, trailer included.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        self.0.put_i16(-1);
        self.0.freeze()
    }
}

/// A vector's binary form, for `CopyRows`.
#[must_use]
pub fn vector_bytes(vector: &[f32]) -> Vec<u8> {
    let dim = u16::try_from(vector.len()).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(4 + vector.len() * 4);
    bytes.extend(dim.to_be_bytes());
    bytes.extend([0, 0]);
    vector.iter().for_each(|x| bytes.extend(x.to_be_bytes()));
    bytes
}
