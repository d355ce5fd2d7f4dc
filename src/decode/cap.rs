//! Caps on expansion, and errors that stay.

use std::io::{self, Read};

use crate::model::{DecodeLimits, Fault, FaultKind, Stage};

/// Below this many bytes the ratio says nothing.
const RATIO_FROM: u64 = 64 << 20;

/// A layer's output, at most so many bytes and so many times the received bytes. Once it has failed it
/// fails for ever, so that no reader takes an error for the end.
pub(super) struct Capped<R> {
    inner: R,
    given: u64,
    received: u64,
    limits: DecodeLimits,
    failed: Option<Fault>,
}

impl<R: Read> Capped<R> {
    /// `received`: bytes of the part as received.
    pub(super) fn new(inner: R, received: u64, limits: DecodeLimits) -> Capped<R> {
        Capped { inner, given: 0, received, limits, failed: None }
    }

    fn check(&self) -> Result<(), Fault> {
        let Self { given, received, limits, .. } = self;
        let message = if *given > limits.max_expanded_bytes {
            format!("the part expands to more than {} bytes", limits.max_expanded_bytes)
        } else if *given > RATIO_FROM && *given > received.saturating_mul(limits.max_ratio) {
            format!("the part expands to more than {} times its {received} bytes", limits.max_ratio)
        } else {
            return Ok(());
        };
        Err(Fault::new(FaultKind::CapExceeded, Stage::Decode, message)
            .advise("look at the part by hand: no file of the service is that large"))
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone().into_io());
        }
        let result = match self.inner.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => Err(super::fault_of(error)),
            Ok(n) => {
                self.given += n as u64;
                self.check().map(|()| n)
            }
        };
        result.map_err(|fault| {
            self.failed = Some(fault.clone());
            fault.into_io()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps() {
        let limits = DecodeLimits { max_expanded_bytes: 100 << 20, max_ratio: 400, ..Default::default() };
        for (bytes, received, fits) in [
            (64u64 << 20, 1, true),
            ((64 << 20) + 1, 1, false),
            (80 << 20, 1 << 20, true),
            (100 << 20, 1 << 20, true),
            ((100 << 20) + 1, 1 << 20, false),
        ] {
            let mut capped = Capped::new(io::repeat(b' ').take(bytes), received, limits);
            let result = io::copy(&mut capped, &mut io::sink());
            assert_eq!(result.is_ok(), fits, "{bytes} of {received}");
            if !fits {
                let again = capped.read(&mut [0]).unwrap_err();
                let fault = Fault::from_io(again, FaultKind::Internal, Stage::Parse);
                assert_eq!(fault.kind, FaultKind::CapExceeded);
            }
        }
    }
}
