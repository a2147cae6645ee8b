"""Text as a sequence of pieces of words."""

from collections import Counter
from collections.abc import Sequence

import lazy_loader
import tensorflow as tf

from zoo.text.special_tokens import END, PADDING, UNKNOWN, UNKNOWN_ID
from zoo.text.tokenizer import Place, Texts, Tokenizer, append_end, as_utf8, map_batches
from zoo.text.vocabularies import Vocabulary

tokenizers = lazy_loader.load("tokenizers")  # to learn pieces; the rest does without

_SPACE = "▁"  # how a piece shows that it begins after a space, U+2581
_SEPARATORS = rf"[\s\p{{Z}}\p{{Cc}}{_SPACE}]+"
# What no piece crosses: a run of letters and accents, or else any one character, digits too.
_WORD = rf"{_SPACE}?(?:[\p{{L}}\p{{M}}]+|[^{_SPACE}])"
_LONGEST_WORD = 100  # characters, with the mark of the space; also the limit of `tokenizers`
_CHARACTERS = "UTF8_CHAR"
_SPECIAL = [PADDING, UNKNOWN, END]


class SubwordTokenizer(Tokenizer):
    """Looks up the ids of pieces of words, frequent words being one piece, so that few are unknown.

    A text is cut into runs of letters, digits and other characters one by one; the space before
    one belongs to it, as the mark `▁`, and each text begins with one. From the left, each is then
    cut into the longest pieces that the vocabulary has, as WordPiece does it (Song et al., 2021,
    "Fast WordPiece Tokenization"). Case, accents and punctuation are kept: what was cut is joined
    to the same text, but that any run of white space, control characters and `▁` is one space, and
    none is at the ends. A text is read after `<EOS>`.

    A character that is no piece is `<UNK>`, and so is, as a whole, a run of more than 100 letters.
    Scripts that put no space between words are cut at punctuation and digits only.

    Args:
        vocabulary: the pieces, `▁` within those that follow a space.
        vocabulary_file: the file of the vocabulary, if an export is to keep it as an asset.
    """

    level = "subword"

    def __init__(self, vocabulary: Vocabulary, vocabulary_file: Place = None):
        super().__init__(vocabulary, vocabulary_file)
        longest = max(map(len, vocabulary.tokens[3:]), default=1)
        self._lengths = tuple(range(longest, 0, -1))  # of pieces, in characters

    @classmethod
    def from_texts(cls, texts: Sequence[str], vocabulary_size: int = 8000) -> "SubwordTokenizer":
        """A tokenizer of the pieces that byte-pair merges make of `texts`, the training split.

        Their characters are pieces too, but for those that occur once, of which a model could learn
        next to nothing: so it meets `<UNK>` in training.

        Args:
            texts: the strings; of both languages, if they are to have one vocabulary.
            vocabulary_size: how many pieces to learn at most, beside the special tokens.

        Raises:
            ValueError: the size is not positive.
        """
        if vocabulary_size < 1:
            raise ValueError(f"vocabulary_size must be 1 or more, not {vocabulary_size}")

        def spaced(batch: tf.Tensor) -> tf.Tensor:
            return tf.strings.reduce_join(_words(batch), axis=1, separator=" ")

        lines = [line.decode() for some in map_batches(spaced, texts) for line in some]
        alphabet = _alphabet(lines, vocabulary_size)
        learned = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token=UNKNOWN))
        learned.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
        trainer = tokenizers.trainers.WordPieceTrainer(
            vocab_size=len(_SPECIAL) + vocabulary_size,
            min_frequency=2,
            initial_alphabet=sorted(alphabet),
            limit_alphabet=len(alphabet),
            special_tokens=_SPECIAL,
            continuing_subword_prefix="",
            show_progress=False,
        )
        spelt = (" ".join(w for w in line.split(" ") if alphabet.issuperset(w)) for line in lines)
        learned.train_from_iterator(spelt, trainer)
        ids = learned.get_vocab()
        return cls(Vocabulary(sorted(ids, key=ids.__getitem__)[len(_SPECIAL) :]))

    def ragged(self, texts: Texts, end: bool = False) -> tf.RaggedTensor:
        """The ids of texts, (batch,) strings, as (batch, None) int32 without padding.

        Args:
            texts: the strings; a byte that is not UTF-8 counts as the character U+FFFD.
            end: whether to add `<EOS>`.
        """
        words = _words(texts)  # (batch, None)
        distinct, index = tf.unique(words.values)  # most words of a batch occur several times
        pieces = tf.gather(self._pieces(distinct), index)  # (words, None)
        ids = words.with_values(pieces).merge_dims(1, 2)
        return append_end(ids) if end else ids

    def join(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.strip(tf.strings.regex_replace(super().join(ids), _SPACE, " "))

    def _pieces(self, words: tf.Tensor) -> tf.RaggedTensor:
        """The ids of the pieces of words, (words,) strings: (words, None) int32."""
        index = tf.range(tf.size(words, tf.int64))
        fits = tf.strings.length(words, _CHARACTERS) <= _LONGEST_WORD
        too_long = index[~fits]
        unknown = tf.fill(tf.shape(too_long), UNKNOWN_ID)
        any_length = tf.TensorShape([None])
        _, _, owners, ids = tf.while_loop(
            lambda rests, *_: tf.size(rests) > 0,
            self._take_first,
            (words[fits], index[fits], too_long, unknown),
            shape_invariants=(any_length,) * 4,
        )
        order = tf.argsort(owners, stable=True)
        owners, ids = tf.gather(owners, order), tf.gather(ids, order)
        return tf.RaggedTensor.from_value_rowids(ids, owners, tf.size(words, tf.int64))

    def _take_first(
        self, rests: tf.Tensor, index: tf.Tensor, owners: tf.Tensor, ids: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """Takes the longest piece off the beginning of what is left of words.

        `rests`, (unfinished,), is what is left of words, and `index` their places among all words;
        `ids`, (pieces,), are the pieces so far, and `owners` the places of their words.
        """
        lengths = tf.constant(self._lengths)
        shape = [tf.size(rests), len(self._lengths)]
        beginnings = tf.strings.substr(
            tf.broadcast_to(rests[:, tf.newaxis], shape),
            tf.zeros(shape, tf.int32),
            tf.broadcast_to(lengths, shape),
            _CHARACTERS,
        )  # (unfinished, lengths), the longest first
        candidates = self._ids(beginnings)
        # Where there is no piece, one character is taken, and is unknown.
        known = tf.concat([candidates[:, :-1] != UNKNOWN_ID, tf.fill([shape[0], 1], True)], axis=1)
        best = tf.argmax(tf.cast(known, tf.int32), axis=1)  # the first that is known
        taken = tf.minimum(tf.gather(lengths, best), tf.strings.length(rests, _CHARACTERS))
        owners = tf.concat([owners, index], axis=0)
        ids = tf.concat([ids, tf.gather(candidates, best, batch_dims=1)], axis=0)
        to_the_end = tf.fill(tf.shape(taken), _LONGEST_WORD)
        rests = tf.strings.substr(rests, taken, to_the_end, _CHARACTERS)
        unfinished = rests != ""
        return rests[unfinished], index[unfinished], owners, ids


def _words(texts: Texts) -> tf.RaggedTensor:
    """Cuts texts, (batch,) strings, into what no piece crosses, (batch, None) strings."""
    texts = tf.strings.regex_replace(as_utf8(texts), _SEPARATORS, " ")
    texts = tf.strings.regex_replace(tf.strings.strip(texts), "(?:^| )([^ ])", rf"{_SPACE}\1")
    return tf.strings.split(tf.strings.regex_replace(texts, _WORD, r"\0 "))


def _alphabet(lines: Sequence[str], size: int) -> set[str]:
    """The mark of the space, and the most frequent of the characters that occur several times."""
    counts = Counter(character for line in lines for character in line)
    del counts[" "], counts[_SPACE]
    characters = sorted((c for c in counts if counts[c] > 1), key=lambda c: (-counts[c], c))
    return {_SPACE, *characters[: size - 1]}
