//! What a client asks: a frame's bytes as one of pgwire's messages.
//!
//! pgwire's own decoders read past a short frame's end (a panic) and replace bad UTF-8; these
//! refuse both, with 08P01 and 22021.

use crate::failure::violation;
use crate::frame::Frame;
use bytes::Bytes;
use cvx_types::forms::simple::utf8;
use cvx_types::{Result, SqlError};
use pgwire::messages::extendedquery::{Bind, Close, Describe, Execute, Parse};

/// A frontend message after the startup phase.
#[derive(Debug)]
pub(crate) enum Request {
    Query(String),
    Parse(Parse),
    Bind(Bind),
    Describe(Describe),
    Execute(Execute),
    Close(Close),
    Flush,
    Sync,
    CopyData(Bytes),
    CopyDone,
    CopyFail(String),
    Terminate,
    /// Known to Postgres, of no use here: a password nobody asked for, a function call.
    Other(u8),
}

impl Request {
    /// Whether the answer to an error is to skip to the next Sync.
    pub(crate) fn is_extended(tag: u8) -> bool {
        matches!(tag, b'P' | b'B' | b'D' | b'E' | b'C' | b'H' | b'S')
    }

    pub(crate) fn decode(frame: &Frame) -> Result<Self> {
        let mut body = Body { rest: frame.body.clone() };
        let request = match frame.tag {
            b'Q' => Self::Query(body.text()?),
            b'P' => Self::Parse(body.parse()?),
            b'B' => Self::Bind(body.bind()?),
            b'D' => Self::Describe(Describe::new(body.byte()?, body.name()?)),
            b'E' => Self::Execute(Execute::new(body.name()?, body.int()?)),
            b'C' => Self::Close(Close::new(body.byte()?, body.name()?)),
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'd' => return Ok(Self::CopyData(body.rest)),
            b'c' => Self::CopyDone,
            b'f' => Self::CopyFail(body.text()?),
            b'X' => Self::Terminate,
            tag => return Ok(Self::Other(tag)),
        };
        if body.rest.is_empty() { Ok(request) } else { Err(malformed()) }
    }
}

/// A SASLInitialResponse: the mechanism, and the client's first message, if it came along.
pub(crate) fn sasl_initial(frame: &Frame) -> Result<(String, Option<Bytes>)> {
    let mut body = Body { rest: frame.body.clone() };
    let name = body.text()?;
    let message = match usize::try_from(body.int()?) {
        Ok(length) => Some(body.take(length)?),
        Err(_) => None,
    };
    if body.rest.is_empty() { Ok((name, message)) } else { Err(malformed()) }
}

fn malformed() -> SqlError {
    violation("invalid message format")
}

struct Body {
    rest: Bytes,
}

impl Body {
    fn take(&mut self, count: usize) -> Result<Bytes> {
        if count > self.rest.len() {
            return Err(malformed());
        }
        Ok(self.rest.split_to(count))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.as_ref().try_into().map_err(|_| malformed())
    }

    fn byte(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn short(&mut self) -> Result<i16> {
        self.array().map(i16::from_be_bytes)
    }

    /// A count that cannot be negative on the wire.
    fn count(&mut self) -> Result<usize> {
        self.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    fn int(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn text(&mut self) -> Result<String> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or_else(malformed)?;
        let bytes = self.take(end)?;
        self.take(1)?;
        utf8(&bytes).map(str::to_owned)
    }

    /// A name; the empty one is the unnamed statement or portal.
    fn name(&mut self) -> Result<Option<String>> {
        let name = self.text()?;
        Ok((!name.is_empty()).then_some(name))
    }

    fn parse(&mut self) -> Result<Parse> {
        let (name, query) = (self.name()?, self.text()?);
        let mut oids = Vec::new();
        for _ in 0..self.count()? {
            oids.push(self.int()?.cast_unsigned());
        }
        Ok(Parse::new(name, query, oids))
    }

    fn bind(&mut self) -> Result<Bind> {
        let (portal, statement) = (self.name()?, self.name()?);
        let formats = self.shorts()?;
        let mut parameters = Vec::new();
        for _ in 0..self.count()? {
            parameters.push(match self.int()? {
                -1 => None,
                size => Some(self.take(usize::try_from(size).map_err(|_| malformed())?)?),
            });
        }
        let result_formats = self.shorts()?;
        Ok(Bind::new(portal, statement, formats, parameters, result_formats))
    }

    fn shorts(&mut self) -> Result<Vec<i16>> {
        let mut shorts = Vec::new();
        for _ in 0..self.count()? {
            shorts.push(self.short()?);
        }
        Ok(shorts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_body_panics(
            tag in prop::sample::select(b"QPBDECHSdcfXpF?".to_vec()),
            body in prop::collection::vec(
                prop::sample::select(b"\0\0\0\x01\x02\x7f\xffaS".to_vec()), 0..40),
        ) {
            if let Err(error) = Request::decode(&Frame::of(tag, &body)) {
                prop_assert!(["08P01", "22021"].contains(&error.state.0));
            }
        }

        /// pgwire writes what we read.
        #[test]
        fn binds_read_back(
            names in ("[a-z]{0,5}", "[a-z]{0,5}"),
            parameters in prop::collection::vec(
                prop::option::of(prop::collection::vec(any::<u8>(), 0..9)), 0..5),
            formats in prop::collection::vec(any::<i16>(), 0..4),
        ) {
            use pgwire::messages::Message;
            let name = |text: String| (!text.is_empty()).then_some(text);
            let (portal, statement) = (name(names.0), name(names.1));
            let parameters = parameters.into_iter().map(|p| p.map(Bytes::from)).collect();
            let bind = Bind::new(portal, statement, formats.clone(), parameters, formats);
            let mut bytes = bytes::BytesMut::new();
            bind.encode_body(&mut bytes).unwrap();
            match Request::decode(&Frame::of(b'B', &bytes)) {
                Ok(Request::Bind(read)) => prop_assert_eq!(read, bind),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
