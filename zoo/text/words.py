"""Text as a sequence of words and punctuation marks."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from zoo.text.special_tokens import END, PADDING_ID, UNKNOWN
from zoo.text.tokenizer import Place, Texts, Tokenizer, as_utf8, map_batches
from zoo.text.vocabularies import Vocabulary

# What parts tokens and leaves no trace: HTML line breaks, white space, control characters.
_SEPARATORS = r"(?i)<br\s*/?>|[\s\p{Z}\p{Cc}\x{200B}\x{FEFF}]+"
_APOSTROPHES = "[’ʼ＇]"
_WORD = r"[\p{L}\p{M}\p{N}]+"
# What corpora have in place of rare words; a word, with the apostrophes inside it; or else any one
# character.
_TOKENS = rf"{UNKNOWN}|{_WORD}(?:'{_WORD})*|[^ ]"


class WordTokenizer(Tokenizer):
    """Splits texts into words and punctuation marks, and looks up their ids.

    A word is a run of letters, accents and digits of any script, with the apostrophes inside it
    ("don't" is one word); every other character that is no white space is a token of its own, but
    for `<unk>`, in whatever case, which is the unknown word.
    `<EOS>` ends each text, so that even an empty one has a token. Scripts that put no space between
    words are not segmented.

    Args:
        vocabulary: the words that have an id; all others are `<UNK>`.
        lowercase: whether to convert text to lower case first.
        max_length: the most tokens a text may have, `<EOS>` included (2 or more), None for no
            limit. A longer text loses its beginning: reviews and letters conclude at the end.
        vocabulary_file: the file of the vocabulary, if an export is to keep it as an asset.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        lowercase: bool = True,
        max_length: int | None = None,
        vocabulary_file: Place = None,
    ):
        super().__init__(vocabulary, vocabulary_file)
        if max_length is not None and max_length < 2:
            raise ValueError(f"max_length must leave room for a word and {END}, not {max_length}")
        self.lowercase = lowercase
        self.max_length = max_length

    @classmethod
    def from_texts(
        cls,
        texts: Sequence[str],
        vocabulary_size: int | None = 10_000,
        lowercase: bool = True,
        max_length: int | None = None,
    ) -> "WordTokenizer":
        """A tokenizer of the most frequent words of `texts`, which should be the training split."""
        counts = cls(Vocabulary(()), lowercase).count(texts)
        return cls(Vocabulary.from_counts(counts, vocabulary_size), lowercase, max_length)

    def tokenize(self, texts: Texts) -> tf.RaggedTensor:
        """Splits texts, (batch,) strings, into tokens, (batch, None) strings, each with `<EOS>`."""
        tokens = self._split(texts)
        if self.max_length is not None:
            tokens = tokens[:, -(self.max_length - 1) :]
        end = tf.fill([tokens.nrows(), 1], END)
        return tf.concat([tokens, end], axis=1)

    def count(self, texts: Sequence[str]) -> Counter[str]:
        """How often each word occurs in `texts`, in the vocabulary or not; `<EOS>` is left out."""
        total: Counter[bytes] = Counter()
        for words in map_batches(lambda batch: self._split(batch).flat_values, texts):
            total.update(words.tolist())
        return Counter({word.decode(): count for word, count in total.items()})

    def get_config(self) -> dict[str, Any]:
        return {"lowercase": self.lowercase, "max_length": self.max_length}

    def ragged(self, texts: Texts) -> tf.RaggedTensor:
        """The ids of texts, (batch,) strings, as (batch, None) int32 without padding."""
        return self._ids(self.tokenize(texts))

    def __call__(self, texts: Texts) -> tf.Tensor:
        """The ids of texts, (batch,) strings, as (batch, timesteps) int32, padded on the right."""
        return self.ragged(texts).to_tensor(PADDING_ID)

    def _split(self, texts: Texts) -> tf.RaggedTensor:
        texts = tf.strings.regex_replace(as_utf8(texts), _SEPARATORS, " ")
        texts = tf.strings.regex_replace(texts, _APOSTROPHES, "'")
        if self.lowercase:
            texts = tf.strings.lower(texts, encoding="utf-8")
        texts = tf.strings.regex_replace(texts, f"(?i){UNKNOWN}", UNKNOWN)
        return tf.strings.split(tf.strings.regex_replace(texts, _TOKENS, r" \0 "))
