"""The benchmarks of whole tasks, made small: data, networks, and candidates that do nothing."""

import dataclasses
import importlib.util
import itertools
import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from click.testing import CliRunner

import zoo
from benchmarks import classification, language_model, speech, tagging, translation
from support.dna_windows import LABELS, windows
from zoo.datasets.dna import DnaData, LabelledSequences
from zoo.datasets.parallel_text import Pairs, ParallelData
from zoo.datasets.plain_text import Documents, PlainTextData
from zoo.datasets.sequence_tagging import SequenceTaggingData, TaggedSentences
from zoo.datasets.speech import SpeechData, Utterances
from zoo.datasets.video import LabelledClips, VideoData

TORCH = ["torch"] if importlib.util.find_spec("torch") else []


class BenchmarkCase(NamedTuple):
    """A benchmark of a task.

    Attributes:
        module: of `benchmarks`.
        corpus: a module of `zoo.datasets`, whose packaged corpus the data stand in for.
        data: tiny data.
        sizes: settings of a small network.
        peers: the names of the zoo's candidate and of one that is compared with it.
        batches, work: fields of a candidate, what it trains on and what it does.
        answer: does the work with great ease.
        spare: what a candidate has done, to less than that.
        spared: what is said of a candidate that does less.
        phases: of the report, in order.
        options: further arguments of the command line.
    """

    module: Any
    corpus: str
    data: Any
    sizes: dict
    peers: tuple[str, str]
    batches: str
    work: str
    answer: Callable
    spare: Callable
    spared: str
    phases: tuple
    options: tuple = ()

    def patch(self, monkeypatch):
        """Puts the data, and a small network on one thread, in their places; returns its settings.

        The threads of PyTorch busy-wait for each other, for minutes where other tests run.
        """
        full = self.module.task_settings

        def settings(*arguments, **others):
            return dataclasses.replace(full(*arguments), **self.sizes | others)

        corpus = getattr(zoo.datasets, self.corpus)
        monkeypatch.setattr(corpus, "load", lambda *_, **__: self.data)
        monkeypatch.setattr(self.module, "task_settings", settings)
        monkeypatch.setattr(self.module, "THREADS", 1)
        if self.module is language_model:
            monkeypatch.setattr(language_model, "TOGETHER", (1, 3))
        return settings

    def idle(self, *arguments):
        """The zoo's candidate, but that it does not train, and answers with great ease."""
        candidate = self.module.zoo_candidate(*arguments)
        return candidate._replace(train=lambda: None, **{self.work: self.answer})


def report(main, *arguments):
    """What is printed, and what came of it: on the last line of standard output, with `--json`."""
    result = CliRunner().invoke(
        main, [*arguments, "--rounds", "1", "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.output, json.loads(result.stdout.splitlines()[-1])


def assert_measured(row, names):
    """A row has these figures, and all that it has are numbers above 0."""
    assert row.keys() >= set(names)
    assert all(math.isfinite(figure) and figure > 0 for figure in row.values())


def sentences():
    """Twelve of 1 to 12 tokens, each with one tag always."""
    tokens = [[["Ann", "saw", "Bonn", "1984"][i % 4] for i in range(n)] for n in range(1, 13)]
    tags = [[["B-PER", "O", "B-LOC", "O"][i % 4] for i in range(n)] for n in range(1, 13)]
    names = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    return SequenceTaggingData("tiny", *[TaggedSentences(tokens, tags)] * 3, tag_names=names)


def utterances():
    """Twelve of features, two or three times as many frames as letters."""
    draw = np.random.default_rng(0)
    texts = ["la so la"[: n % 8 + 1].strip() for n in range(12)]
    recordings = [draw.normal(size=(4 + 3 * len(t), 13)).astype("float32") for t in texts]
    return Utterances(recordings, texts, [""] * len(texts))


def pairs():
    """Sixteen, the translations of which have the adjective last, some of them longer."""
    words = itertools.product(("cat", "dog"), ("big", "old"), ("sees", "hears"), ("cat", "dog"))
    sources, targets = [], []
    for subject, adjective, verb, other in words:
        end = "" if other == "cat" else f" the {other}"
        sources.append(f"the {adjective} {subject} {verb}{end}.")
        targets.append(f"le {subject} {adjective} {verb}{end}.")
    return Pairs(tuple(sources), tuple(targets))


def letters():
    """Twelve windows of fourteen letters."""
    texts, labels = zip(*windows(12), strict=True)
    return LabelledSequences(texts, np.array([*map(LABELS.index, labels)], "int32"))


def clips():
    """Twelve of three frames, some sizes of which are odd while they are halved."""
    drawn = np.random.default_rng(0).integers(256, size=(12, 3, 6, 5, 1)).astype("uint8")
    return LabelledClips(list(drawn), np.arange(12, dtype="int32") % 3, [""] * 12)


SENTENCES = BenchmarkCase(
    tagging,
    "sequence_tagging",
    sentences(),
    {"units": 4, "embedding_dim": 3, "character_units": 2, "batch_size": 4},
    ("zoo_softmax", "keras_softmax"),
    "batches",
    "tag",
    answer=lambda sentences: [["O"] * len(tokens) for tokens in sentences.tokens],
    spare=lambda tagged: [tags[1:] for tags in tagged],
    spared="tags",
    phases=("train", "tag"),
)
TEXT = BenchmarkCase(
    language_model,
    "plain_text",
    PlainTextData("tiny", *[Documents(("Ann saw Bonn. " * 4,))] * 3),
    {"units": 8, "embedding_dim": 8, "batch_size": 4, "timesteps": 5},
    ("zoo", "keras"),
    "pieces",
    "write",
    answer=lambda batch, length: [{"text": "", "tokens": length}] * batch,
    spare=lambda texts: [text | {"tokens": text["tokens"] - 1} for text in texts],
    spared="tokens of 1 texts",
    phases=("train", "write 1", "write 3"),
    options=("--length", "2"),
)
PAIRS = BenchmarkCase(
    translation,
    "parallel_text",
    ParallelData("tiny", *[pairs()] * 3),
    {"units": 6, "embedding_dim": 5, "batch_size": 8, "vocabulary_size": 40},  # all differ
    ("zoo", "keras"),
    "batches",
    "translate",
    answer=lambda texts: [text.upper() for text in texts],
    spare=lambda texts: [text[:-1] for text in texts],
    spared="0% of the translations",
    phases=("train", "translate"),
)
SOUNDS = BenchmarkCase(
    speech,
    "speech",
    SpeechData("tiny", *[utterances()] * 3),
    {"units": 4, "layers": 1, "batch_size": 4},
    ("zoo", "keras"),
    "batches",
    "recognize",
    answer=lambda features: ["la"] * len(features),
    spare=lambda texts: texts[1:],
    spared="texts",
    phases=("train", "recognize"),
)
LETTERS = BenchmarkCase(
    classification,
    "dna",
    DnaData("tiny", *[letters()] * 3, label_names=LABELS),
    {"units": 4, "filters": 3, "batch_size": 4},
    ("zoo", "keras"),
    "batches",
    "classify",
    answer=lambda sequences: np.full((len(sequences), len(LABELS)), 1 / len(LABELS)),
    spare=lambda probabilities: probabilities[1:],
    spared="keras: probabilities",
    phases=("train", "predict"),
)
FRAMES = LETTERS._replace(
    corpus="video",
    data=VideoData("tiny", *[clips()] * 3, label_names=LABELS),
    sizes={"units": 4, "filters": "2,3", "width": 5, "batch_size": 4},
    options=("--task", "video"),
)
