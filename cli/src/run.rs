//! Runs a statement and prints what comes back, as it comes.

use crate::copy::Copy;
use crate::error::{Error, Result};
use crate::print::{Format, Printer, printer};
use crate::session::Session;
use crate::sql::{Kind, tokens};
use crate::wire::{Fault, Watch, texts};
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::{Message, RowDescriptionBody};
use std::io::Write as _;
use std::time::Instant;

impl Session {
    /// Runs one statement. What went wrong is returned, not yet said.
    pub(crate) fn execute(&mut self, sql: &str, copy: &mut Copy<'_>) -> Result<()> {
        let began = Instant::now();
        let watch = self.interrupt.watch(self.connection.cancel_key());
        self.connection.send_query(sql)?;
        let answered = self.answers(copy, &watch);
        drop(watch);
        if self.settings.timing {
            self.show_time(began)?;
        }
        self.flush()?;
        self.note_changes(sql)?;
        answered
    }

    /// Reads to ReadyForQuery, whatever happens before: else the next statement would read it.
    fn answers(&mut self, copy: &mut Copy<'_>, watch: &Watch) -> Result<()> {
        let mut result = Answer::default();
        loop {
            let message = self.connection.next()?;
            if matches!(message, Message::ReadyForQuery(_)) {
                break;
            }
            let taken = match message {
                Message::CopyInResponse(_) => copy.feed(&mut self.connection, watch),
                Message::CopyData(body) if result.failed.is_none() => {
                    copy.drain(body.data(), &mut self.out)
                }
                other => self.take(other, &mut result),
            };
            if let Err(error) = taken {
                if error.is_connection() {
                    return Err(error);
                }
                // Nobody wants the rest of the rows. An error of the server has ended them itself.
                if !matches!(error, Error::Server(_)) && result.failed.is_none() {
                    watch.cancel();
                }
                result.failed.get_or_insert(error);
            }
        }
        copy.finish();
        result.failed.map_or(Ok(()), Err)
    }

    fn take(&mut self, message: Message, result: &mut Answer) -> Result<()> {
        match message {
            Message::RowDescription(body) => {
                let columns = self.columns(&body)?;
                result.printer = Some(printer(columns, self.settings.style));
                Ok(())
            }
            Message::DataRow(body) if result.failed.is_none() => match &mut result.printer {
                Some(printer) => printer.row(texts(&body)?, &mut self.out).map_err(Error::Output),
                None => Ok(()),
            },
            Message::CommandComplete(body) if result.failed.is_none() => {
                let tag = body.tag().unwrap_or_default().to_owned();
                match result.printer.take() {
                    Some(mut printer) => printer.end(&mut self.out).map_err(Error::Output),
                    None => self.remark(&tag),
                }
            }
            Message::ErrorResponse(body) => Err(Fault::read(body.fields()).into()),
            Message::NoticeResponse(body) => {
                self.notice(&Fault::read(body.fields()));
                Ok(())
            }
            Message::NotificationResponse(body) => {
                let (channel, payload) = (body.channel(), body.message());
                let (channel, payload) = (channel.unwrap_or("?"), payload.unwrap_or("?"));
                let process = body.process_id();
                self.remark(&format!("Notification {channel:?} from {process}: {payload:?}"))
            }
            _ => Ok(()),
        }
    }

    fn columns(&self, body: &RowDescriptionBody) -> Result<Vec<crate::print::Column>> {
        let fields = body.fields().map(|field| Ok(self.column(field.name(), field.type_oid())));
        fields.collect().map_err(|error| Error::lost(&error))
    }

    fn show_time(&mut self, began: Instant) -> Result<()> {
        let time = format!("Time: {:.3} ms", began.elapsed().as_secs_f64() * 1e3);
        if self.settings.style.format == Format::Json {
            // Standard output is for the rows.
            let _ = writeln!(std::io::stderr(), "{time}");
            return Ok(());
        }
        self.print(&time)
    }

    /// Asks again for what the statement may have changed and the prompt or completion shows.
    fn note_changes(&mut self, sql: &str) -> Result<()> {
        if !self.settings.interactive {
            return Ok(());
        }
        match first_word(sql).as_str() {
            "CREATE" | "ALTER" | "DROP" | "ROLLBACK" | "COMMIT" | "END" | "ABORT" => {
                self.names_are_stale = true;
            }
            _ => {}
        }
        match first_word(sql).as_str() {
            "SET" | "RESET" | "DISCARD" | "ROLLBACK" | "COMMIT" | "END" | "ABORT" | "SELECT" => {
                self.learn_asof()
            }
            _ => Ok(()),
        }
    }
}

#[derive(Default)]
struct Answer {
    printer: Option<Box<dyn Printer>>,
    failed: Option<Error>,
}

/// In capitals.
pub(crate) fn first_word(sql: &str) -> String {
    let first = tokens(sql).into_iter().find(|token| token.kind == Kind::Word);
    first.map(|token| token.text(sql).to_ascii_uppercase()).unwrap_or_default()
}
