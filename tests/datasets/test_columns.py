"""Reading sentences in columns, and what is said of those that are wrong."""

import gzip
import re

import pytest
from support.refusals import refused

from zoo.datasets.readers.columns import read_columns

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
        ("1-2 ab _ _\n1 a x O\n1.1 - - _\n2 b x O\n", [("a b", "O O")]),  # CoNLL-U
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
    odd = [
        "👩‍👩‍👧",
        "\u00e9",
        "a\u00a0b",
        "\u200bx\u200d",
        "\u2028",
        "\x85",
        "\x0c",
        "\u3000",
        '"',
    ]
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
            (f"a O\nb {tag}\n", f"line 2: '{tag}' is no tag")
            for tag in ("X-A", "o", "B-", "B", "O-A")
        ),
        ("token tag\na O\n", "line 1: 'tag' is no tag: give O, or B-, I-, E- or S- before a type"),
        ("token tag\na O\n", "take a header away"),
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
def test_what_is_wrong_is_said_in_one_line(write, content, hints):
    path = write("a.txt", content)
    refused(rf"^{re.escape(str(path))}: .*{re.escape(hints)}", read_columns, path)
