"""FASTA and FASTQ: what programs write is read; the rest is refused."""

import contextlib
import gzip
import sys
import time

import dnaio
import numpy as np
import pytest
from support.refusals import refused

from zoo import genomics
from zoo.errors import MissingPackageError, UserError
from zoo.genomics import Record

SEQUENCES = {"chr1 human": "acgtnNRYKM", "chr2": "ACGU-.", "c": "A", "d label=EI": "G" * 200}


@pytest.mark.parametrize("form", ["fasta", "fastq"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_records_are_read_as_they_were_written(tmp_path, form, suffix, end):
    path = tmp_path / f"a.{form}"
    options = {"line_length": 60} if form == "fasta" else {}
    writer = {"fasta": dnaio.FastaWriter, "fastq": dnaio.FastqWriter}[form]
    with writer(str(path), **options) as file:
        for name, sequence in SEQUENCES.items():
            file.write(dnaio.SequenceRecord(name, sequence, "I" * len(sequence)))
    content = path.read_text().replace("\n", end).encode()
    path = tmp_path / f"b{suffix}"  # the content tells the form
    path.write_bytes(gzip.compress(content) if suffix else content)
    records = genomics.read(path)
    assert {record.header: record.sequence for record in records} == SEQUENCES
    assert [record.name for record in records] == ["chr1", "chr2", "c", "d"]
    assert [record.line for record in records] == [
        1 + (2 if form == "fasta" else 4) * i for i in range(4)
    ]


def test_blank_lines_comments_and_a_byte_order_mark():
    fasta = b"\xef\xbb\xbf\n\n# of 1\n>a\nAC\n\nGT\n#>b\n  >c\tx\n\n"
    assert genomics.decode(fasta, "a") == [Record(4, "a", "ACGT"), Record(9, "c\tx", "")]
    assert genomics.decode(fasta, "a")[1].name == "c"
    fastq = b"\n@a\nA\n+\nI\n@b\n\n+\n\n"
    for content in (fastq, fastq + b"\n\n\n", fastq[:-1]):
        assert genomics.decode(content, "a") == [Record(2, "a", "A"), Record(6, "b", "")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b" \r\n\n", "the file is empty"),
        (b"# nothing\n", "there is no record in it"),
        (b"\nACGT\n", "line 2 begins neither FASTA nor FASTQ: give FASTA"),
        (b"sequence,label\nACG,x\n", "line 1 begins neither"),
        (b"BAM\1\0\0", "binary"),
        (">a\nACG\n".encode("utf-16"), "binary file, or UTF-16"),
        (">a\nACG\n>caf\u00e9\nA\n".encode(), "line 3 is not ASCII"),
        (b"@a\nACG\n+\nII\n", "line 4: Length of sequence and qualities differ: give"),
        (b"\n@a\nACG\n+\nIII\n@b\nACG\n", "line 8: Premature end of file encountered: give"),
        (b"@a\nAC\nGT\n+\nIIII\n", "line 3: Line expected to start with '.', but found 'G': give"),
        (b"@a\nACG\n+b\nIII\n", "line 3: Sequence descriptions don't match"),
        (gzip.compress(b">a\nACG\n", mtime=0)[:-9], "not a whole gzip file"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
    ],
)
def test_no_sequences(tmp_path, content, message):
    (tmp_path / "a.fa").write_bytes(content)
    refused(rf"a\.fa: .*{message}", genomics.read, tmp_path / "a.fa")


def test_a_missing_file_and_a_folder(tmp_path):
    refused("no such file", genomics.read, tmp_path / "absent.fa")
    refused("cannot be read", genomics.read, tmp_path)


def test_bytes_at_random_are_read_or_refused():
    draw = np.random.default_rng(0)
    for whole in (b">a b\nACGT\nACG\n>c\nAC\n", b"@a b\nACG\n+\nIII\n@c\nA\n+\nI\n"):
        for _ in range(500):
            content = bytearray(whole)
            for place in draw.integers(0, len(whole), 3):
                content[place] = draw.choice([*b">@#+\n\r \tA\x0b\x1c", draw.integers(256)])
            with contextlib.suppress(UserError):
                assert genomics.decode(bytes(content), "a")


def test_a_million_letters_take_no_time(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text(">chr\n" + ("ACGTACGTAC" * 6 + "\n") * 17_000)
    begun = time.perf_counter()
    assert len(genomics.read(path)[0].sequence) == 1_020_000
    assert time.perf_counter() - begun < 2


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "dnaio", None)
    with pytest.raises(MissingPackageError, match=r'pip install "sequence-model-zoo\[genomics\]"'):
        genomics.decode(b">a\nA\n", "a")
