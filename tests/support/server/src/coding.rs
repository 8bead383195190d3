//! Content codings, so that a script can send what servers that compress do.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

/// Encodes a body piece by piece, each of which can be decoded without the next.
pub struct Encoder {
    name: String,
    stages: Vec<Stage>,
}

enum Stage {
    Gzip(GzEncoder<Vec<u8>>),
    Zlib(ZlibEncoder<Vec<u8>>),
    Deflate(DeflateEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    /// An encoder for a list of codings, as `gzip` or `gzip, br`, in the order in which they are applied; None for one that
    /// is unknown. `raw-deflate` is deflate without the head that it should have.
    pub fn new(codings: &str) -> Option<Encoder> {
        let stages = codings.split(',').map(|name| Stage::new(name.trim()));
        Some(Encoder {
            name: codings.replace("raw-", ""),
            stages: stages.collect::<Option<_>>()?,
        })
    }

    /// What `Content-Encoding` says.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// These bytes, encoded and flushed.
    pub fn encode(&mut self, bytes: &[u8]) -> Vec<u8> {
        let stages = self.stages.iter_mut();
        stages.fold(bytes.to_vec(), |bytes, stage| {
            in_memory(stage.encode(&bytes))
        })
    }

    /// What ends it.
    pub fn finish(&mut self) -> Vec<u8> {
        let stages = std::mem::take(&mut self.stages);
        stages.into_iter().fold(Vec::new(), |before, mut stage| {
            let mut encoded = match before.is_empty() {
                true => Vec::new(),
                false => in_memory(stage.encode(&before)),
            };
            encoded.extend(in_memory(stage.finish()));
            encoded
        })
    }
}

impl Stage {
    fn new(name: &str) -> Option<Stage> {
        let level = Compression::default();
        Some(match name {
            "gzip" | "x-gzip" => Stage::Gzip(GzEncoder::new(Vec::new(), level)),
            "deflate" => Stage::Zlib(ZlibEncoder::new(Vec::new(), level)),
            "raw-deflate" => Stage::Deflate(DeflateEncoder::new(Vec::new(), level)),
            "br" => {
                let (buffer, quality, window) = (4096, 5, 22);
                let writer = brotli::CompressorWriter::new(Vec::new(), buffer, quality, window);
                Stage::Brotli(Box::new(writer))
            }
            "zstd" => Stage::Zstd(in_memory(zstd::stream::write::Encoder::new(Vec::new(), 3))),
            _ => return None,
        })
    }

    fn encode(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let writer: &mut dyn Write = match self {
            Stage::Gzip(writer) => writer,
            Stage::Zlib(writer) => writer,
            Stage::Deflate(writer) => writer,
            Stage::Brotli(writer) => writer,
            Stage::Zstd(writer) => writer,
        };
        writer.write_all(bytes)?;
        writer.flush()?;
        Ok(std::mem::take(match self {
            Stage::Gzip(writer) => writer.get_mut(),
            Stage::Zlib(writer) => writer.get_mut(),
            Stage::Deflate(writer) => writer.get_mut(),
            Stage::Brotli(writer) => writer.get_mut(),
            Stage::Zstd(writer) => writer.get_mut(),
        }))
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Stage::Gzip(writer) => writer.finish(),
            Stage::Zlib(writer) => writer.finish(),
            Stage::Deflate(writer) => writer.finish(),
            Stage::Brotli(writer) => Ok(writer.into_inner()),
            Stage::Zstd(writer) => writer.finish(),
        }
    }
}

fn in_memory<T>(result: io::Result<T>) -> T {
    result.expect("writing to memory does not fail")
}
