"""FASTA and FASTQ to records."""

import codecs
import io
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import MissingPackageError, UserError
from zoo.music.files import read_bytes, unpack
from zoo.text.normalization import normalize

_GZIP = b"\x1f\x8b"
_FORMS = {">": "fasta", "#": "fasta", "@": "fastq"}  # by the first character
_REMEDY = (
    "give FASTA ('>' and a name on a line, then lines of letters) or FASTQ (four lines a record, "
    "the first with '@' and a name)"
)


@dataclass(frozen=True)
class Record:
    """A sequence as a file has it, in any letters.

    Args:
        line: where the record begins, from 1.
        header: the rest of that line: a name, and what is told of the sequence.
        sequence: its letters, the lines of a FASTA joined. See `zoo.genomics.normalized`.
    """

    line: int
    header: str
    sequence: str

    @property
    def name(self) -> str:
        """The first word of the header; empty, if there is none."""
        return self.header.partition(" ")[0].partition("\t")[0]


def read(path: str | Path) -> list[Record]:
    """Reads a FASTA or FASTQ, gzipped or not: which of them its content tells.

    Lines may end as on any system; of a FASTA blank lines and comments (`#`) are passed over.
    Qualities are not kept.

    Raises:
        UserError: the file is missing, empty, binary, neither of the two, or damaged, or it has no
            record. The message names the line where it can.
        MissingPackageError: dnaio is not installed.
    """
    return decode(read_bytes(path), str(path))


def decode(content: bytes, name: str) -> list[Record]:
    """Reads the content of a file: see `read`. `name` is that of the file, for errors."""
    try:
        import dnaio
    except ModuleNotFoundError as error:
        raise MissingPackageError(error) from error
    text = _text(unpack(content, name) if content.startswith(_GZIP) else content, name)
    records = text.lstrip()
    first = 1 + text.count("\n", 0, len(text) - len(records))  # its line
    form = _FORMS.get(records[0])
    if form is None:
        raise UserError(f"{name}: line {first} begins neither FASTA nor FASTQ: {_REMEDY}")
    records = records.rstrip("\n") + "\n"
    if form == "fastq" and records.count("\n") % 4 == 3:
        records += "\n"  # the qualities of a last record without letters
    try:
        with dnaio.open(io.BytesIO(records.encode()), fileformat=form) as file:
            found = [(record.name, record.sequence) for record in file]
    except dnaio.FileFormatError as error:
        place = "the end" if error.line is None else f"line {error.line + first}"
        reason = error.message.partition("\n")[0].partition(". ")[0].rstrip(".")
        raise UserError(f"{name}: {place}: {reason}: {_REMEDY}") from error
    if not found:
        raise UserError(f"{name}: there is no record in it, only comments: {_REMEDY}")
    numbered = enumerate(records.split("\n"), first)
    lines = (i for i, line in numbered if line.strip().startswith(">"))
    if form == "fastq":
        lines = (first + 4 * i for i in range(len(found)))
    return [Record(line, *record) for line, record in zip(lines, found, strict=True)]


def _text(content: bytes, name: str) -> str:
    content = content.removeprefix(codecs.BOM_UTF8)
    if not content.strip():
        raise UserError(f"{name}: the file is empty")
    if b"\0" in content:
        raise UserError(f"{name}: this is a binary file, or UTF-16: {_REMEDY}")
    try:
        return normalize(content.decode("ascii"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{name}: line {line} is not ASCII: {_REMEDY}") from error
