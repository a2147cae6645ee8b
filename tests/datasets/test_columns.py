"""Reading sentences in columns, and what is said of those that are wrong."""

import gzip

import pytest

from zoo.datasets.readers.columns import read_columns
from zoo.errors import UserError

IOB2 = "Ann B-PER\nLee I-PER\nBob B-PER\n, O\nRome B-LOC\n"
IOB1 = "Ann I-PER\nLee I-PER\nBob B-PER\n, O\nRome I-LOC\n"
BIOES = "Ann B-PER\nLee E-PER\nBob S-PER\n, O\nRome S-LOC\n"
LONG_BIOES = "A B-LOC\nB I-LOC\nC I-LOC\nD E-LOC\n"
TAGS = ["B-PER", "I-PER", "B-PER", "O", "B-LOC"]


def sentences(path):
    return [(sentence.tokens, sentence.tags) for sentence in read_columns(path)]


def complaint(path):
    with pytest.raises(UserError) as raised:
        read_columns(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize("content", [IOB2, IOB1, BIOES])
def test_every_scheme_becomes_iob2(write, content):
    path = write("a.txt", content + "\n" + content)
    assert sentences(path) == [(["Ann", "Lee", "Bob", ",", "Rome"], TAGS)] * 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (LONG_BIOES, [("A B C D", "B-LOC I-LOC I-LOC I-LOC")]),
        (
            "Bonn I-LOC\nAnn I-PER\nLee I-PER\nBob B-PER\nRome I-LOC\n",
            [("Bonn Ann Lee Bob Rome", "B-LOC B-PER I-PER B-PER B-LOC")],
        ),
        ("a O\n\nb O\n", [("a", "O"), ("b", "O")]),
        ("-DOCSTART- -X- -X- O\n\nAnn NNP B-NP B-PER\nran VBD B-VP O\n", [("Ann ran", "B-PER O")]),
        ("-DOCSTART- -X- O O\na O\n-DOCSTART-\nb O\n-DOCSTART- (1)\n\n", [("a", "O"), ("b", "O")]),
        ("#begin document (a); part 000\na O\n#end document\n", [("a", "O")]),
        (
            "# id = 1\n# text = Ann ran\nAnn B-PER\nran O\n\n# newdoc\n# O B-X O\nyes O\n",
            [("Ann ran", "B-PER O"), ("yes", "O")],
        ),
        ("# O\n1 O\n\n#1 O\n# B-MISC\n\n# O\n", [("# 1", "O O"), ("#1 #", "O B-MISC"), ("#", "O")]),
        ("a O\n\n" + "b O\n" * 3000, [("a", "O"), (" ".join("b" * 3000), " ".join("O" * 3000))]),
    ],
    ids=[
        *("entities of many tokens", "neighbours of another type in IOB1", "no entities"),
        *("first and last column", "borders of documents", "marks of documents"),
        *("comments above a sentence", "number signs and hashtags", "thousands of tokens"),
    ],
)
def test_sentences_of(write, content, expected):
    assert sentences(write("a.txt", content)) == [(a.split(), b.split()) for a, b in expected]


def test_tabs_spaces_windows_line_ends_and_byte_order_mark(write):
    path = write("a.txt", "\ufeffAnn \t B-PER\r\n\tran\tO \r\n \t\r\n\r\n\r\nyes  O\r\n\r\n")
    assert sentences(path) == [(["Ann", "ran"], ["B-PER", "O"]), (["yes"], ["O"])]
    assert [sentence.line for sentence in read_columns(path)] == [1, 6]


def test_gzip(write):
    assert sentences(write("a.conll.gz", gzip.compress(IOB2.encode())))[0][1] == TAGS


@pytest.mark.parametrize(
    "token",
    [
        "👩‍👩‍👧",
        "e\u0301",
        "a\u00a0b",
        "\u200bx\u200d",
        "\u2028",
        "\u0085",
        "\x0c",
        "\u3000",
        "ﬁ",
        '"',
        "<PAD>",
    ],
)
def test_only_space_and_tab_part_columns_and_characters_stay_as_they_are(write, token):
    path = write("a.txt", f"{token} B-PER\nran\tO\n")
    assert sentences(path) == [([token, "ran"], ["B-PER", "O"])]


def test_no_sentence(write):
    assert "no sentence" in complaint(write("a.txt", "-DOCSTART- O\n\n# id = 1\n"))


@pytest.mark.parametrize("content", ["Ann\nran\n", "Ann B-PER\nran\n", "Ann X B-PER\n\nran\t\n"])
def test_a_line_without_a_tag(write, content):
    line = content.rstrip().count("\n") + 1 if "B-PER" in content else 1
    assert f"line {line} has no tag" in complaint(write("a.txt", content))


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("a X O\nb O\n", "line 2 has 2 columns where line 1 has 3"),
        ("# id\n\na O\n\nNew York B-LOC\n", "line 5 has 3 columns where line 3 has 2"),
        ("a O\n# a comment within\n", "line 2 has 4 columns where line 1 has 2"),
    ],
)
def test_another_number_of_columns(write, content, hint):
    assert hint in complaint(write("a.txt", content))


@pytest.mark.parametrize(
    "tag",
    ["X-PER", "o", "0", "b-PER", "B-", "B", "-PER", "PER", "B_PER", "O-PER", "_", "B-a\u00a0b"],
)
def test_a_tag_that_is_none(write, tag):
    assert f"line 2: '{tag}' is no tag" in complaint(write("a.txt", f"a O\nb {tag}\n"))


def test_a_header_is_named(write):
    assert "line 1: 'tag' is no tag" in complaint(write("a.txt", "token tag\na O\n"))
    assert "take a header away" in complaint(write("a.txt", "token tag\na O\n"))
    assert "take a header away" not in complaint(write("a.txt", "a O\nb tag\n"))


def test_a_tag_of_great_length_is_cut_short(write):
    assert "'wordword" in complaint(write("a.txt", f"a {'word' * 1000}\n"))


def test_a_carriage_return_within_a_line(write):
    assert "line 1 holds a carriage return" in complaint(write("a.txt", "a O\rb O\r"))
    assert "line 2 holds a carriage return" in complaint(write("a.txt", "a O\nb\rc O\r\n"))


@pytest.mark.parametrize(
    ("content", "hints"),
    [
        # Both ways to begin an entity: the lines that rule out IOB1 and IOB2 are named.
        ("a B-PER\n\nb O\nc I-LOC\n", ("IOB1 (line 1:", "IOB2 (line 4:")),
        ("a I-PER\n\nb O\nc B-LOC\n", ("IOB2 (line 1:", "IOB1 (line 4:")),
        ("a B-PER\nb I-LOC\nc O\n", ("IOB1 (line 1:", "IOB2 (line 2:")),
        # With E- or S- it can be BIOES alone.
        ("a S-PER\nb I-LOC\nc E-LOC\n", ("BIOES (line 2:",)),
        ("a B-PER\nb O\n\nc S-PER\n", ("BIOES (line 2:",)),
        ("a B-PER\nb E-LOC\n\nc S-PER\n", ("BIOES (line 2:",)),
        ("c S-PER\nb B-LOC\n", ("BIOES (line 2: a sentence ends after B-LOC)",)),
        ("c E-PER\n", ("BIOES (line 1: E-PER at the beginning of a sentence)",)),
        ("c S-PER\nb E-LOC\n", ("BIOES (line 2:",)),
        ("c S-PER\nb B-LOC\nc I-LOC\n\nd E-LOC\n", ("BIOES (line 3:",)),
    ],
)
def test_tags_that_fit_no_scheme(write, content, hints):
    message = complaint(write("a.txt", content))
    assert all(hint in message for hint in hints)
