"""Reading users' tables, and what is said of those that are wrong."""

import gzip

import pytest

from zoo.datasets.readers.tables import read_table
from zoo.errors import UserError

COLUMNS = ("text", "label")


def fields(path):
    return [(row.fields["text"], row.fields["label"]) for row in read_table(path, COLUMNS)]


def complaint(path):
    with pytest.raises(UserError) as raised:
        read_table(path, COLUMNS)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_csv_with_quotes_commas_and_line_breaks(write):
    path = write("a.csv", 'label,text\r\npos,"said ""yes"", and\nleft"\r\n\r\nneg,plain\r\n')
    assert fields(path) == [('said "yes", and\nleft', "pos"), ("plain", "neg")]
    assert [row.line for row in read_table(path, COLUMNS)] == [2, 5]


def test_tsv_takes_quotation_marks_as_text(write):
    path = write("a.tsv", 'text\tlabel\n"so" it goes\tpos\r\n" unbalanced\u2028line\tneg')
    assert fields(path) == [('"so" it goes', "pos"), ('" unbalanced\u2028line', "neg")]


def test_jsonl_with_numbers_and_other_keys(write):
    path = write("a.jsonl", '{"text": "un\\u00e9", "label": 1, "id": 7}\n\n{"label":0,"text":""}\n')
    assert fields(path) == [("uné", "1"), ("", "0")]


def test_gzip_byte_order_mark_and_capital_suffixes(write):
    content = gzip.compress("\ufefftext\tlabel\nfine\tpos\n".encode())
    assert fields(write("a.TSV.gz", content)) == [("fine", "pos")]


def test_other_columns_are_kept(write):
    path = write("a.csv", "id,text,label\n7,fine,pos\n")
    assert read_table(path, COLUMNS)[0].fields == {"id": "7", "text": "fine", "label": "pos"}


def test_a_long_document_is_no_error(write):
    text = "word " * 50_000
    assert fields(write("a.csv", f"text,label\n{text},pos\n")) == [(text, "pos")]


@pytest.mark.parametrize("name", ["a.txt", "a", "a.gz", ".csv"])
def test_unknown_format(write, name):
    assert ".csv, .tsv, .jsonl" in complaint(write(name, "text,label\n"))


@pytest.mark.parametrize(("name", "content"), [("a.csv", "text,label\n"), ("a.tsv", "text\tlabel")])
def test_header_only(write, name, content):
    assert "no row below" in complaint(write(name, content))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_other_encoding_names_byte_and_line(write, name, start):
    content = start + b"text,label\nun m\xe9tier,pos\n"
    place = f"the byte at offset {content.index(0xE9)} (line 2) is not UTF-8"
    assert place in complaint(write(name, content))


def test_damaged_gzip(write):
    whole = gzip.compress(b"text,label\nfine,pos\n")
    assert "not a whole gzip file" in complaint(write("a.csv.gz", whole[:-9]))
    assert "not a whole gzip file" in complaint(write("b.csv.gz", b"text,label\nfine,pos\n"))


def test_missing_column_lists_those_found(write):
    message = complaint(write("a.csv", "review,label\nfine,pos\n"))
    assert "no column 'text'; the columns found are 'review', 'label'" in message


def test_missing_column_without_a_header_is_cut_short(write):
    message = complaint(write("a.tsv", "word " * 1000 + "\tpos\n" + "other\tneg\n"))
    assert "no column 'text', 'label'" in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("a.csv", "text,label,text\na,b,c\n", "'text' is there 2 times"),
        ("a.csv", "text,label\nfine,pos\nwell, well,pos\n", "line 3 has 3 fields"),
        ("a.tsv", "text\tlabel\nfine\tpos\nno label\n", "line 3 has 1 fields"),
        ("a.csv", 'text,label\nfine,pos\n"open,neg\n' + "more,pos\n" * 5, "starts on line 3"),
    ],
)
def test_a_malformed_record_names_the_line(write, name, content, hint):
    assert hint in complaint(write(name, content))


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("{'text': 1}", "line 2 is not JSON"),
        (
            '{"text": "a", "lable": "b"}',
            "line 2: no column 'label'; the columns found are 'text', 'lab",
        ),
        ("[1, 2]", "line 2 is not a JSON object"),
        ('{"text": null, "label": "pos"}', "line 2: 'text' must be a string or a number"),
        ('{"text": "\\ud800", "label": "pos"}', "line 2: 'text' holds a lone surrogate"),
    ],
)
def test_malformed_json_names_the_line(write, line, hint):
    assert hint in complaint(write("a.jsonl", '{"text": "a", "label": "b"}\n' + line))
