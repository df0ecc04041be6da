//! The input: one or more files, read as one text and as often as needed.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;

use crate::failure::Failure;

/// Distributed if no file is given, repeated so that blocks of the default size form a chain of several blocks.
const BUILT_IN: &[u8] = include_bytes!("../../LICENSE");
const BUILT_IN_TIMES: usize = 128;

/// The input. Its length is fixed when it is opened; a file that grows later is read up to that length.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    files: Vec<(PathBuf, u64)>,
    bytes: u64,
}

impl Input {
    /// Checks the files; without files the input is the text built into the program.
    pub(crate) fn open(paths: &[PathBuf]) -> Result<Self, Failure> {
        if paths.is_empty() {
            return Ok(Self {
                files: Vec::new(),
                bytes: (BUILT_IN.len() * BUILT_IN_TIMES) as u64,
            });
        }
        let mut files = Vec::with_capacity(paths.len());
        let mut bytes = 0u64;
        for path in paths {
            // The file is opened, so that missing read permission fails now.
            let about = File::open(path).and_then(|file| file.metadata());
            let about = about.map_err(|error| Failure::input(path, error))?;
            if !about.is_file() {
                let reason = "it is not a regular file, and it has to be read several times";
                return Err(Failure::input(path, reason));
            }
            bytes = bytes.saturating_add(about.len());
            files.push((path.clone(), about.len()));
        }
        if bytes == 0 {
            return Err(Failure::EmptyInput);
        }
        Ok(Self { files, bytes })
    }

    /// The length of the input in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it is the text built into the program.
    fn is_built_in(&self) -> bool {
        self.files.is_empty()
    }

    /// The names of the files.
    pub(crate) fn names(&self) -> Vec<String> {
        if self.is_built_in() {
            return vec![format!("LICENSE (built in) {BUILT_IN_TIMES} times")];
        }
        self.files
            .iter()
            .map(|(path, _)| path.display().to_string())
            .collect()
    }

    /// Starts reading at the beginning.
    pub(crate) fn reader(&self) -> InputReader {
        InputReader {
            input: self.clone(),
            next_file: 0,
            current: None,
            left: self.bytes,
        }
    }
}

/// A position in the input.
#[derive(Debug)]
pub(crate) struct InputReader {
    input: Input,
    next_file: usize,
    current: Option<(File, u64)>,
    left: u64,
}

impl InputReader {
    /// Fills `buffer` as far as the rest of the input reaches; returns the number of bytes read.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let wanted = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let mut filled = 0;
        while filled < wanted {
            let rest = &mut buffer[filled..wanted];
            let read = if self.input.is_built_in() {
                self.copy_some(rest)
            } else {
                self.read_some(rest)?
            };
            self.left -= read as u64;
            filled += read;
        }
        Ok(wanted)
    }

    /// The number of unread bytes.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Copies from the built-in text, up to its end at most.
    fn copy_some(&self, buffer: &mut [u8]) -> usize {
        let copied = (self.input.bytes - self.left) % BUILT_IN.len() as u64;
        let rest = &BUILT_IN[usize::try_from(copied).unwrap_or(0)..];
        let most = rest.len().min(buffer.len());
        buffer[..most].copy_from_slice(&rest[..most]);
        most
    }

    /// Reads from the current file; returns 0 at its end, before the next file.
    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let Some((file, left)) = &mut self.current else {
            let (path, length) = &self.input.files[self.next_file];
            let file = File::open(path).map_err(|error| Failure::input(path, error))?;
            self.next_file += 1;
            self.current = Some((file, *length));
            return Ok(0);
        };
        if *left == 0 {
            self.current = None;
            return Ok(0);
        }
        let most = usize::try_from(*left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let path = &self.input.files[self.next_file - 1].0;
        match file.read(&mut buffer[..most]) {
            Ok(0) => Err(Failure::input(
                path,
                "it became shorter while it was being read",
            )),
            Ok(read) => {
                *left -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(Failure::input(path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read_all(input: &Input, step: usize) -> Vec<u8> {
        let mut reader = input.reader();
        let mut all = Vec::new();
        let mut buffer = vec![0; step];
        loop {
            match reader.fill(&mut buffer).unwrap() {
                0 => return all,
                read => all.extend_from_slice(&buffer[..read]),
            }
        }
    }

    #[test]
    fn several_files_are_read_as_one_text_for_every_buffer_size() {
        let dir = tempfile::tempdir().unwrap();
        let contents = ["first", "", "the second", "x"];
        let paths: Vec<_> = (0..contents.len())
            .map(|i| dir.path().join(i.to_string()))
            .collect();
        for (path, text) in paths.iter().zip(contents) {
            fs::write(path, text).unwrap();
        }
        let input = Input::open(&paths).unwrap();
        assert_eq!(input.bytes(), 16);
        for step in [1, 3, 7, 16, 100] {
            assert_eq!(
                read_all(&input, step),
                contents.concat().as_bytes(),
                "step {step}"
            );
        }
    }

    #[test]
    fn the_built_in_text_is_repeated_for_every_buffer_size() {
        let input = Input::open(&[]).unwrap();
        let whole = BUILT_IN.repeat(BUILT_IN_TIMES);
        assert_eq!(input.bytes(), whole.len() as u64);
        for step in [1000, 64 << 10] {
            assert!(read_all(&input, step) == whole, "step {step}");
        }
    }

    #[test]
    fn a_file_that_grows_is_read_up_to_its_first_length_and_one_that_shrinks_fails() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "four").unwrap();
        let input = Input::open(std::slice::from_ref(&path)).unwrap();
        fs::write(&path, "four and more").unwrap();
        assert_eq!(read_all(&input, 3), b"four");
        fs::write(&path, "4").unwrap();
        assert!(matches!(
            input.reader().fill(&mut [0; 9]),
            Err(Failure::Input { .. })
        ));
    }

    #[test]
    fn missing_empty_and_irregular_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty");
        fs::write(&empty, "").unwrap();
        assert!(matches!(
            Input::open(&[dir.path().join("none")]),
            Err(Failure::Input { .. })
        ));
        assert!(matches!(
            Input::open(&[dir.path().to_owned()]),
            Err(Failure::Input { .. })
        ));
        assert!(matches!(Input::open(&[empty]), Err(Failure::EmptyInput)));
    }
}
