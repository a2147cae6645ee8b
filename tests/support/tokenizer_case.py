"""Tokenizers as the shared tests see them."""

from zoo.text.characters import CharacterTokenizer
from zoo.text.sentences import SentenceTokenizer
from zoo.text.subwords import SubwordTokenizer
from zoo.text.words import WordTokenizer

TEXTS = [
    "To be, or not to be: that is the question. Do they? Yes!",
    "",
    " \r\n\r \n\n\t\v\f\0\x1e\x85\u2028",
    "One line\nand the next.\n\nA new paragraph (of it)",
    "e\u0301te\u0301 été Straße İstanbul 1999-12-31, 3,50 €",
    "\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308\U0001f44d\U0001f3fd",
    "नमस्ते สวัสดี 你好 مرحبا שלום Привет",
    "\\n \\r <PAD> <UNK> <EOS> \ufeff\u200b\u00a0 ## ##er",
    " leading and trailing ",
]


def decoded(strings):
    return [string.decode() for string in strings.numpy()]


CASES = {
    "characters": CharacterTokenizer.from_documents,
    "sentences": lambda texts: SentenceTokenizer.from_documents(texts, lowercase=False),
    "subwords": lambda texts: SubwordTokenizer.from_texts(texts * 2, vocabulary_size=200),
    "words": WordTokenizer.from_texts,
}
"""How each is made of texts."""
