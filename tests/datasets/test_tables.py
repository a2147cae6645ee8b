"""Reading users' tables, and what is said of those that are wrong."""

import gzip
import re

import pytest
from support.refusals import refused

from zoo.datasets.readers.tables import read_table

COLUMNS = ("text", "label")


def fields(path):
    return [(row.fields["text"], row.fields["label"]) for row in read_table(path, COLUMNS)]


def test_csv_with_quotes_commas_and_line_breaks(write):
    path = write("a.csv", 'label,text\r\npos,"said ""yes"", and\nleft"\r\n\r\nneg,plain\r\n')
    assert fields(path) == [('said "yes", and\nleft', "pos"), ("plain", "neg")]
    assert [row.line for row in read_table(path, COLUMNS)] == [2, 5]
    text = "word " * 50_000
    path = write("a.csv", f"id,text,label\n7,{text},pos\n")  # other columns are kept
    assert read_table(path, COLUMNS)[0].fields == {"id": "7", "text": text, "label": "pos"}


def test_tsv_takes_quotation_marks_as_text(write):
    content = '\ufefftext\tlabel\n"so" it goes\tpos\r\n" unbalanced\u2028line\tneg'
    expected = [('"so" it goes', "pos"), ('" unbalanced\u2028line', "neg")]
    assert fields(write("a.tsv", content)) == expected
    assert fields(write("a.TSV.gz", gzip.compress(content.encode()))) == expected


def test_jsonl_with_numbers_and_other_keys(write):
    path = write("a.jsonl", '{"text": "un\\u00e9", "label": 1, "id": 7}\n\n{"label":0,"text":""}\n')
    assert fields(path) == [("uné", "1"), ("", "0")]


def test_files_of_any_system_and_joined_ones(write):
    expected = [("cold, tea", "b"), ("warm é", "g")]
    rows = 'text{0}label\n"cold, tea"{0}b\nwarm e\u0301{0}g\n'
    for separator in ",;\t":
        assert fields(write("a.csv", rows.format(separator))) == expected
    for line_end in ("\r\n", "\r"):
        assert fields(write("a.csv", rows.format(",").replace("\n", line_end))) == expected
        table = rows.format("\t").replace('"', "").replace("\n", line_end)
        assert fields(write("a.tsv", table)) == expected
    joined = rows.format(",") + "\ufeff" + rows.format(",")
    assert fields(write("a.csv", joined)) == 2 * expected
    lines = '{"text": "e\\u0301", "label": 0}'
    assert fields(write("a.jsonl", f"{lines}\r\ufeff{lines}")) == 2 * [("é", "0")]


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        *((name, "text,label\n", ".csv, .tsv, .jsonl") for name in ("a.txt", "a", "a.gz", ".csv")),
        ("a.csv", "text,label\n", "no row below"),
        ("a.tsv", "text\tlabel", "no row below"),
        (
            "a.csv.gz",
            gzip.compress(b"text,label\nfine,pos\n", mtime=0)[:-9],
            "not a whole gzip file",
        ),
        ("a.csv.gz", "text,label\nfine,pos\n", "not a whole gzip file"),
        ("a.csv", b"text,label\nun m\xe9tier,pos\n", "byte at offset 15 (line 2) is not UTF-8"),
        ("a.csv", "review,label\nb,pos\n", "no column 'text'; the columns found are 'review', "),
        ("a.tsv", "word " * 1000 + "\tpos\nother\tneg\n", "no column 'text', 'label'"),
        ("a.csv", "text,label,text\na,b,c\n", "'text' is there 2 times"),
        ("a.csv", "text,label\nfine,pos\nwell, well,pos\n", "line 3 has 3 fields"),
        ("a.tsv", "text\tlabel\nfine\tpos\nno label\n", "line 3 has 1 fields"),
        ("a.csv", 'text,label\nfine,pos\n"open,neg\n' + "more,pos\n" * 5, "starts on line 3"),
        ("a.jsonl", "{'text': 1}", "line 1 is not JSON"),
        ("a.jsonl", '\n{"text": "a", "lable": "b"}', "line 2: no column 'label'; the col"),
        ("a.jsonl", "[1, 2]", "line 1 is not a JSON object"),
        ("a.jsonl", '{"text": "a", "label": NaN}', "line 1 is not JSON (NaN is no JSON)"),
        ("a.jsonl", '{"text": "a", "label": 1e400}', "line 1: 'label' must be a string or a fin"),
        (
            "a.jsonl",
            '{"text": "a", "label": ' + "1" * 5000 + "}",
            "a number of thousands of digits",
        ),
        (
            "a.jsonl",
            '\n{"text": ' + "[" * 10**5,
            "line 2 is not JSON (lists within lists, too deep)",
        ),
        ("a.csv", "text,label\nfine,pos\nlabel,text\npos,good\n", "line 3 is another header"),
        (
            "a.jsonl",
            '{"text": null, "label": "a"}',
            "1: 'text' must be a string or a finite number",
        ),
        ("a.jsonl", '{"text": "\\ud800", "label": "a"}', "line 1: 'text' holds a lone surrogate"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(write, name, content, hint):
    path = write(name, content)
    refused(rf"^{re.escape(str(path))}: .*{re.escape(hint)}", read_table, path, COLUMNS)
