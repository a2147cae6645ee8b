"""Cuts raw text into tokens and keeps where each stands, for tasks that label every token.

`zoo.text.words.WordTokenizer` serves tasks that label a text as a whole: it rewrites the text, and
the places of its words are lost. Here nothing is rewritten. Both consist of stock TensorFlow
operations, so that a served model takes plain strings.
"""

from dataclasses import dataclass

import tensorflow as tf

from zoo.text.tokenizer import Texts, as_utf8

_SPACE = r"\s\p{Z}\p{Cc}\x{200B}\x{FEFF}"
_LETTER = r"[\p{L}\p{M}\p{N}]"
_WORD = rf"{_LETTER}+(?:[-&]{_LETTER}+)*"
_CAPITAL = r"\p{Lu}\p{M}*"
# The first of these that fits, at each place: U.N. or U.S.-led, the J. of J. Smith, O'Brien,
# 1,000.5, Saint-Denis or AT&T, ... or --, and else any one character.
TOKEN = "|".join(
    (
        rf"(?:\p{{L}}\p{{M}}*\.){{2,}}(?:-{_WORD})?",
        rf"{_CAPITAL}\.",
        rf"\p{{L}}['’]\p{{Lu}}{_LETTER}+",
        r"\p{N}+(?:[.,:/]\p{N}+)+",
        _WORD,
        r"\.{2,}|-{2,}",
        rf"[^{_SPACE}]",
    )
)
BREAK = r"\s*\n\s*\n\s*"
"""A blank line, which is a token too where sentences and headings are to be told apart."""
_MARK = "\x1f"  # on either side of a token; "unit separator", in a text it is white space
_APOSTROPHE = rf"{_MARK}{_MARK}(['’]){_MARK}{_MARK}"  # a token right between two others
# What cannot be told before all tokens are: the 's of it's, the n't of don't, and that the capital
# of "group C." begins no name. So are the corpora cut that tagging models learn from.
CORRECTIONS = (
    (rf"(?i){_MARK}(n){_APOSTROPHE}(t){_MARK}", rf"{_MARK}\1\2\3{_MARK}"),
    (rf"(?i)({_LETTER})(n){_APOSTROPHE}(t){_MARK}", rf"\1{_MARK}{_MARK}\2\3\4{_MARK}"),
    (rf"(?i){_MARK}(['’]){_MARK}{_MARK}(s|re|ve|ll|d|m|t){_MARK}", rf"{_MARK}\1\2{_MARK}"),
    (rf"{_MARK}({_CAPITAL})\.{_MARK}([^\p{{L}}\p{{N}}]*)$", rf"{_MARK}\1{_MARK}{_MARK}.{_MARK}\2"),
    # A blank line after a full stop says no more than it (`zoo.text.documents`).
    (rf"{_MARK}([.?!]){_MARK}{_MARK}({BREAK}){_MARK}", rf"{_MARK}\1{_MARK}\2"),
)


@dataclass(frozen=True)
class Tokens:
    """The tokens of texts, each tensor ragged, (batch, None).

    Attributes:
        tokens: strings.
        starts, ends: int32, in characters (code points) of the text: `text[start:end] == token`.
    """

    tokens: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor


def tokenize(texts: Texts, breaks: bool = False) -> Tokens:
    """Cuts texts, (batch,) strings, into tokens; an empty text has none.

    Bytes that are not UTF-8 count as U+FFFD, one character each. With `breaks` blank lines are
    tokens too, of white space.
    """
    texts = tf.strings.regex_replace(as_utf8(texts), _MARK, " ")
    marked = tf.strings.regex_replace(texts, token_pattern(breaks), rf"{_MARK}\0{_MARK}")
    for pattern, correct in CORRECTIONS:
        marked = tf.strings.regex_replace(marked, pattern, correct)
    # White space and tokens by turns, beginning and ending with white space, which may be empty.
    pieces = tf.strings.split(marked, sep=_MARK)
    sums = tf.concat([[0], tf.cumsum(_characters(pieces.flat_values))], axis=0)
    before = tf.gather(tf.gather(sums, pieces.row_starts()), pieces.value_rowids())
    ends = pieces.with_flat_values(sums[1:] - before)
    tokens, ends = pieces[:, 1::2], ends[:, 1::2]
    starts = ends.with_flat_values(ends.flat_values - _characters(tokens.flat_values))
    return Tokens(tokens, starts, ends)


def token_pattern(breaks: bool = False) -> str:
    """What a token is, as RE2 has it; with `breaks` also a blank line."""
    return f"{BREAK}|{TOKEN}" if breaks else TOKEN


def _characters(strings: tf.Tensor) -> tf.Tensor:
    return tf.strings.length(strings, unit="UTF8_CHAR")
