"""Reading users' tables and sentences in columns, and what is said of those that are wrong."""

import gzip
import re

import pytest
from support.refusals import refused

from zoo.datasets.readers.columns import read_columns
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
    assert fields(write("a.csv", "sep=;\r\n" + rows.format(";"))) == expected
    for separator in ",;\t|":
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
        ("a.csv.gz", gzip.compress(b"text,label\nfine,pos\n", mtime=0)[:-9], "not a whole gzip"),
        ("a.csv.gz", "text,label\nfine,pos\n", "not a whole gzip file"),
        ("a.csv", b"text,label\nun m\xe9tier,pos\n", "byte at offset 15 (line 2) is not UTF-8"),
        ("a.csv", "review,label\nb,pos\n", "no column 'text'; the columns found are 'review', "),
        ("a.tsv", "word " * 1000 + "\tpos\nother\tneg\n", "no column 'text', 'label'"),
        ("a.csv", "text,label,text\na,b,c\n", "'text' is there 2 times"),
        (
            "a.csv",
            "text,label\nfine,pos\nwell, well,pos\n",
            "3 fields where the header has 2: quote",
        ),
        (
            "a.tsv",
            "text\tlabel\nfine\tpos\nno label\n",
            "line 3 has 1 field where the header has 2: add what is",
        ),
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
            "'text' must be a string or a finite",
        ),
        ("a.jsonl", '{"text": "\\ud800", "label": "a"}', "line 1: 'text' holds a lone surrogate"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_in_one_line(write, name, content, hint):
    path = write(name, content)
    refused(rf"^{re.escape(str(path))}: .*{re.escape(hint)}", read_table, path, COLUMNS)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("a.csv", "fine,pos\n", {"well, well,pos\n": "3 fields", '"b"b,neg\n': "not valid CSV"}),
        ("a.tsv", "fine\tpos\n", {"no label\n": "1 field "}),
        ("a.jsonl", '{"text": "fine", "label": "pos"}\n', {"{\n": "not JSON", "[]\n": "object"}),
    ],
)
def test_few_wrong_rows_are_named_and_left_out(write, caplog, name, good, bad):
    head = {".csv": "text,label\n", ".tsv": "text\tlabel\n"}.get(name[1:], "")
    path = write(name, head + 20 * good + "".join(bad) + 10 * good)
    assert fields(path) == 30 * [("fine", "pos")]
    named = [record.getMessage() for record in caplog.records]
    assert len(named) == len(bad)
    for number, (message, reason) in enumerate(zip(named, bad.values(), strict=True), 21):
        assert message.startswith(f"left out: {path}: ")
        assert f"line {number + bool(head)}" in message
        assert reason in message
    refused(reason, read_table, write(name, head + 3 * good + [*bad][-1]), COLUMNS)


def test_a_wrong_row_that_may_have_swallowed_others_is_refused(write):
    swallowed = 'so"so,"and\n' + 30 * "fine,pos\n" + '",pos\n'
    path = write("a.csv", "text,label\n" + 60 * "fine,pos\n" + "a," + swallowed)
    refused("line 62 has 4 fields", read_table, path, COLUMNS)


SCHEMES = {
    "IOB1": "I-PER I-PER B-PER O I-LOC I-PER I-PER I-PER",
    "IOB2": "B-PER I-PER B-PER O B-LOC B-PER I-PER I-PER",
    "BIOES": "B-PER E-PER S-PER O S-LOC B-PER I-PER E-PER",
}


def sentences(path):
    return [(" ".join(s.tokens), " ".join(s.tags)) for s in read_columns(path)]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_becomes_iob2(write, scheme):
    rows = zip("abcdefgh", SCHEMES[scheme].split(), strict=True)
    content = "".join(f"{token} {tag}\n" for token, tag in rows)
    found = sentences(write("a.txt", content + "\n" + content))
    assert found == [("a b c d e f g h", SCHEMES["IOB2"])] * 2
    assert sentences(write("a.conll.gz", gzip.compress(content.encode()))) == found[:1]


def test_what_is_passed_over(write):
    for content, expected in (
        ("-DOCSTART- -X- -X- O\n\nAnn NNP B-NP B-PER\nran VBD B-VP O\n", [("Ann ran", "B-PER O")]),
        ("-DOCSTART- -X- O O\na O\n-DOCSTART-\nb O\n-DOCSTART- (1)\n\n", [("a", "O"), ("b", "O")]),
        ("#begin document (a); part 000\na O\n#end document\n", [("a", "O")]),
        (
            "# id = 1\n# text = Ann ran\nAnn B-PER\nran O\n\n# newdoc\n# O B-X O\nyes O\n",
            [("Ann ran", "B-PER O"), ("yes", "O")],
        ),
        ("1 a x O\n2 b x O\n\n1 c x B-X\n", [("a b", "O O"), ("c", "B-X")]),
        ("0 a x O\n1 b x O\n\n2 c x B-X\n", [("a b", "O O"), ("c", "B-X")]),  # goes on
        ("1-2 ab _ _\n1 a x O\n1.1 - - _\n2 b x O\n", [("a b", "O O")]),  # CoNLL-U
        ("1-2 ab x O\n1 a x O\n1.1 - x O\n2 b x O\n", [("a b", "O O")]),
        ("#id=1\na O\n\u00a0 \nb O\n", [("a", "O"), ("b", "O")]),
        ("1 CD x O\n", [("1", "O")]),
        ("# O\n1 O\n\n#1 O\n# B-MISC\n\n# O\n", [("# 1", "O O"), ("#1 #", "O B-MISC"), ("#", "O")]),
    ):
        assert sentences(write("a.txt", content)) == expected
    path = write("a.txt", "\ufeffAnn \t B-PER\r\n\tran\tO \r\n \t\r\n\r\n\r\nyes  O\r\n\r\n")
    assert sentences(path) == [("Ann ran", "B-PER O"), ("yes", "O")]
    assert [sentence.lines for sentence in read_columns(path)] == [[1, 2], [6]]
    assert sentences(write("a.txt", "Ann B-PER\rran O\r")) == [("Ann ran", "B-PER O")]


def test_only_space_and_tab_part_columns_and_characters_stay_as_they_are(write):
    odd = ["👩‍👩‍👧", "\u00e9", "a\u00a0b", "\u200bx\u200d", *'\u2028\x85\x0c\u3000"']
    path = write("a.txt", "".join(f"{token} B-PER\n{token}\tO\n" for token in odd))
    assert read_columns(path)[0].tokens == [token for token in odd for _ in range(2)]


@pytest.mark.parametrize(
    ("content", "hints"),
    [
        ("-DOCSTART- O\n\n# id = 1\n", "no sentence"),
        ("Ann\nran\n", "line 1 has no tag"),
        ("Ann X B-PER\n\nran\t\n", "line 3 has no tag"),
        ("a X O\nb O\n", "line 2 has 2 columns where line 1 has 3"),
        ("# id\n\na O\n\nNew York B-LOC\n", "line 5 has 3 columns where line 3 has 2"),
        ("a O\n# a comment within\n", "line 2 has 4 columns where line 1 has 2"),
        *(
            ("1 a x O\n2 b x O\n\n" * 2 + f"1 e x O\n{odd} f x O\n", "line 8: the first column")
            for odd in ("3", "x", "1")
        ),
        *(
            (f"a O\nb {tag}\n", f"line 2: '{tag}' is no tag")
            for tag in ("X-A", "o", "B-", "B", "O-A")
        ),
        ("token tag\na O\n", "S- before a type, as in B-PER; take a header away"),
        (f"a {'word' * 1000}\n", "'wordword"),
        ("a B-PER\n\tO\n", "line 2 has the tag O and no token"),
        ("a B-PER\n \tO\n", "line 2 has the tag O and no token"),
        # Both ways to begin an entity: the lines that rule out IOB1 and IOB2 are named.
        ("a B-PER\n\nb O\nc I-LOC\n", "neither IOB2 (line 4: I-LOC after O) nor IOB1 (line 1:"),
        ("a I-PER\n\nb O\nc B-LOC\n", "neither IOB2 (line 1: I-PER at the beginning of a sent"),
        ("a B-PER\nb I-LOC\nc O\n", "neither IOB2 (line 2: I-LOC after B-PER) nor IOB1 (line 1:"),
        # With E- or S- it can be BIOES alone.
        ("a S-PER\nb I-LOC\nc E-LOC\n", "not BIOES (line 2:"),
        ("c S-PER\nb B-LOC\n", "not BIOES (line 2: a sentence ends after B-LOC)"),
        ("c S-PER\nb B-LOC\nc I-LOC\n\nd E-LOC\n", "not BIOES (line 3:"),
    ],
)
def test_what_is_wrong_in_columns_is_said_in_one_line(write, content, hints):
    path = write("a.txt", content)
    refused(rf"^{re.escape(str(path))}: .*{re.escape(hints)}", read_columns, path)


def test_few_wrong_sentences_are_named_and_left_out(write, caplog):
    good = "Ann B-PER\nran O\n\n"
    wrong = ("New York B-LOC\n\n", "Ann\n\n", "a I-PER\n\n")
    found = sentences(write("a.txt", 20 * good + "".join(wrong) + 20 * good))
    assert found == 40 * [("Ann ran", "B-PER O")]
    for reason in ("line 61 has 3 columns", "line 63 has no tag", "line 65: I-PER at the begin"):
        assert reason in caplog.text
