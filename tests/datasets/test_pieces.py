"""Files are cut into pieces, which have their rows whatever the format, each once and in order."""

import csv
import gzip
import json
import tracemalloc
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet
from support.refusals import refused

from zoo.datasets.readers import pieces
from zoo.errors import UserError

TEXTS = ["good", "bad, and\n“long”", 'a "quoted" word', "", "Köln ☺", "  ", "7", "x" * 3000]
IDS = [f"id {i}" for i in range(len(TEXTS))]
FLAT = [text.replace("\n", " ").replace('"', "'") for text in TEXTS]  # of text and TSV


def _csv(path, texts=TEXTS, delimiter=",", end="\r\n", hint=""):
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        file.write(hint)
        rows = csv.writer(file, delimiter=delimiter, lineterminator=end)
        rows.writerows([("id", " text "), *zip(IDS, texts, strict=True)])


def _write(path):
    """The texts as a file of the suffix of the path."""
    kind = path.name.partition(".")[2]
    if kind == "parquet":
        table = pyarrow.table({"id": IDS, "text": TEXTS, "n": list(range(len(TEXTS)))})
        parquet.write_table(table, path, row_group_size=3)
    elif kind == "excel.csv":
        _csv(path, delimiter=";", hint="sep=;\r\n")
    elif kind == "csv":
        _csv(path)
    elif kind == "tsv":
        rows = (f"{one}\t{text}\n" for one, text in zip(IDS, FLAT, strict=True))
        path.write_text(
            "text\tid\n\n".join(["", ""]).replace("text\tid", "id\ttext") + "".join(rows)
        )
    elif kind == "txt":
        path.write_text("\ufeff" + "\r\n".join(FLAT), newline="")
    else:
        rows = ({"text": text, "id": one} for one, text in zip(IDS, TEXTS, strict=True))
        content = "\n".join(map(json.dumps, rows)).replace("\n", "\n\n", 1).encode()
        path.write_bytes(gzip.compress(content) if kind.endswith("gz") else content)
    return path


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    "name", ["a.txt", "a.csv", "a.excel.csv", "a.tsv", "a.jsonl", "a.jsonl.gz", "a.parquet"]
)
def test_every_row_of_every_format(tmp_path, name, size):
    path = _write(tmp_path / name)
    found, columns = pieces.Reader("text").plan([path], size)
    assert all(piece.rows <= size for piece in found)
    flat = name in ("a.txt", "a.tsv")
    for order in (found, found[::-1]):
        reader = pieces.Reader("text")
        rows = sorted((row for piece in order for row in reader.rows(piece)), key=_number)
        assert [row.number for row in rows] == list(range(1, len(TEXTS) + 1))
        assert [row.text for row in rows] == (FLAT if flat else TEXTS)
        if name != "a.txt":
            assert [row.columns["id"] for row in rows] == IDS
        assert {row.file for row in rows} == {str(path)}
        assert not any(row.error for row in rows)
        assert all(row.columns.keys() == columns.keys() for row in rows)


def _number(row):
    return row.number


BROKEN = {
    "a.jsonl": (
        b'{"text": "a"}\n[1]\n{"text": 1\n{"no": 1}\n{"text": null}\n"\xff"\n{"text": "b"}',
        5,
    ),
    "a.csv": (b'text,id\na,1\n"b"b,2\nc\n\xff,3\n' + b"x" * 200_000 + b",4\nb,5\n", 4),
    "a.tsv": (b"text\tid\na\t1\nb\nc\t\xff\nb\t5\n", 2),
    "a.txt": (b"a\n\xff\nb\n", 1),
    "a.fasta": (b"# remark\n>r1 x\na\n\n>r3\n\xe9\n>r4\nb\n", 1),
    "a.fastq": (b"@r1\na\n+\nI\n@r2\nac\n+\nI\n@r4\nb\n+\nI\n", 1),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_row_costs_no_other(tmp_path, name):
    content, broken = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(content)
    reader = pieces.Reader("text", sequences=(".fasta", ".fastq"))
    rows = [row for piece in reader.plan([path], 2)[0] for row in reader.rows(piece)]
    assert [row.text for row in rows if row.error is None] == ["a", "b"]
    errors = [row for row in rows if row.error]
    assert len(errors) == broken, rows
    assert all(f"{path}: row {row.number}" in row.error for row in errors)


def test_files_are_those_meant(tmp_path):
    out = tmp_path / "out"
    for name in ("b.txt", "a.jsonl", "deep/c.csv.gz", "deep/.d.txt", "e.wav", "f.png"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    data = tmp_path / "data"

    def found(what, more=()):
        return [path.name for path in pieces.find(str(what), out, more)]

    assert found(data) == ["a.jsonl", "b.txt", "c.csv.gz"]
    assert found(data, [".wav"]) == ["a.jsonl", "b.txt", "c.csv.gz", "e.wav"]
    assert found(data / "*.txt") == ["b.txt"]
    assert found(data / "**" / "*.gz") == ["c.csv.gz"]
    refused("there is no such file", pieces.find, str(data / "*.parquet"), out)
    refused("must end in", pieces.find, str(data / "f.png"), out)
    refused("lies among the data", pieces.find, str(data), data / "out")
    refused("lies among the data", pieces.find, str(data / "*.txt"), data)


def test_what_no_row_can_be_read_of_is_refused(tmp_path):
    reader = pieces.Reader("text")

    def refuse(message, name, content):
        path = tmp_path / name
        path.write_bytes(content)
        refused(f"{path}.*{message}", reader.plan, [path], 5)

    refuse("empty", "a.txt", b" \n")
    refuse("binary", "b.txt", "UTF".encode("utf-16"))
    refuse("no column 'text'", "c.csv", b"a,b\n1,2\n")
    refuse("no row", "d.csv", b"text,b\n")
    refuse("twice", "e.tsv", b"text\tb\tb\n")
    refuse("cannot be read", "f.txt.gz", gzip.compress(b"a\n" * 10**5)[:-20])
    refuse("cannot be read", "g.txt.gz", b"plain")
    refuse("cannot be read", "h.parquet", b"PAR1")
    for path, kind in ((tmp_path / "i.parquet", 1), (tmp_path / "j.parquet", "a")):
        parquet.write_table(pyarrow.table({"text": ["a"], "id": [kind]}), path)
    refused("'id' is string, before int64", reader.plan, [tmp_path / "i.parquet", path], 5)


@pytest.mark.parametrize("kind", [".txt", ".parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, kind):
    path, lines = tmp_path / f"a{kind}", [f"{i} " * 20 for i in range(150_000)]
    if kind == ".txt":
        path.write_text("\n".join(lines))
    else:
        parquet.write_table(pyarrow.table({"text": lines}), path, row_group_size=10_000)
    size = sum(map(len, lines))
    reader = pieces.Reader("text")
    tracemalloc.start()
    try:
        planned, _ = reader.plan([Path(path)], 10_000)
        rows = sum(1 for piece in planned for _ in reader.rows(piece))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows == len(lines)
    assert peak < size / 5, (peak, size)


def test_a_quote_that_is_never_closed_is_refused_and_broken_files_are_named(tmp_path, caplog):
    """All rows behind the quote would be lost; a broken file among others costs nothing."""
    (tmp_path / "a.csv").write_text('id,text\n1,fine\n2,"open\n' + "3,more\n" * 9)
    with pytest.raises(UserError, match="never closed, in one of the last 10 lines"):
        pieces.Reader("text").plan([tmp_path / "a.csv"], 100)
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "c.txt").write_text("fine\n")
    reader = pieces.Reader("text")
    found, _ = reader.plan([tmp_path / f"{name}" for name in ("b.txt", "c.txt")], 100)
    assert [piece.rows for piece in found] == [1]
    assert "b.txt: the file is empty" in caplog.text
    some = [tmp_path / name for name in ("a.csv", "b.txt", "c.txt")]
    refused(r"never closed.*: 2 of the 3 files\)", reader.plan, some, 100)
