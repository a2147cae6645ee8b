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
from benchmarks import language_model, tagging, translation
from zoo.datasets.parallel_text import Pairs, ParallelData
from zoo.datasets.plain_text import Documents, PlainTextData
from zoo.datasets.sequence_tagging import SequenceTaggingData, TaggedSentences

TORCH = ["torch"] if importlib.util.find_spec("torch") else []


class BenchmarkCase(NamedTuple):
    """A benchmark of a task.

    Attributes:
        module: of `benchmarks`.
        corpus: a module of `zoo.datasets`, whose packaged corpus the data stand in for.
        data: tiny data.
        sizes: settings of a small network.
        idle: a candidate that does nothing, with great ease, in the place of one that does.
        peers: the names of the zoo's candidate and of one that is compared with it.
        batches, work: fields of a candidate, what it trains on and what it does.
        spare: what a candidate has done, to less than that.
        spared: what is said of a candidate that does less.
        phases: {phase: what is counted in it}, in the order of the report.
        counted: what the report says of the size of the data, as many as `--limit`.
        options: further arguments of the command line.
    """

    module: Any
    corpus: str
    data: Any
    sizes: dict
    idle: Callable
    peers: tuple[str, str]
    batches: str
    work: str
    spare: Callable
    spared: str
    phases: dict
    counted: tuple
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

    def run(self, *arguments):
        result = CliRunner().invoke(self.module.main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result

    def report(self, *arguments):
        """What came of it, and what is printed on the last line of standard output."""
        result = self.run(*arguments, "--json")
        return result, json.loads(result.stdout.splitlines()[-1])


def assert_measured(row, names):
    """A row of figures has these names, and they are numbers above 0."""
    assert row.keys() == set(names)
    assert all(math.isfinite(figure) and figure > 0 for figure in row.values())


def idle_tagger(tagger, sentences, settings):
    batches = tagging.batches_of(tagger, sentences, settings)
    return tagging.Candidate(
        tagger.model.count_params(),
        lambda: tagging.trained_on(batches),
        train=lambda: None,
        tag=lambda sentences: [["O"] * len(tokens) for tokens in sentences.tokens],
    )


def idle_writer(predictor, ids, settings):
    batches = language_model.batches_of(predictor, ids, settings)
    return language_model.Candidate(
        language_model.parameters(predictor.model),
        lambda: language_model.pieces_of(batches),
        train=lambda: None,
        write=lambda batch, length: [{"text": "", "tokens": length}] * batch,
    )


def idle_translator(predictor, split, settings):
    batches = translation.batches_of(predictor, split, settings)
    return translation.Candidate(
        predictor.model.count_params(),
        lambda: translation.trained_on(batches),
        lambda source_ids, target_ids: np.zeros((*target_ids.shape, 4)),
        train=lambda: None,
        translate=lambda texts: [text.upper() for text in texts],
    )


def sentences():
    """Twelve of 1 to 12 tokens, each with one tag always."""
    tokens = [[["Ann", "saw", "Bonn", "1984"][i % 4] for i in range(n)] for n in range(1, 13)]
    tags = [[["B-PER", "O", "B-LOC", "O"][i % 4] for i in range(n)] for n in range(1, 13)]
    names = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    return SequenceTaggingData("tiny", *[TaggedSentences(tokens, tags)] * 3, tag_names=names)


def pairs():
    """Sixteen, the translations of which have the adjective last, some of them longer."""
    words = itertools.product(("cat", "dog"), ("big", "old"), ("sees", "hears"), ("cat", "dog"))
    sources, targets = [], []
    for subject, adjective, verb, other in words:
        end = "" if other == "cat" else f" the {other}"
        sources.append(f"the {adjective} {subject} {verb}{end}.")
        targets.append(f"le {subject} {adjective} {verb}{end}.")
    return Pairs(tuple(sources), tuple(targets))


SENTENCES = BenchmarkCase(
    tagging,
    "sequence_tagging",
    sentences(),
    {"units": 4, "embedding_dim": 3, "character_units": 2, "batch_size": 4},
    idle_tagger,
    ("zoo_softmax", "keras_softmax"),
    "batches",
    "tag",
    lambda tagged: [tags[1:] for tags in tagged],
    "tags",
    {"train": "sentences", "tag": "sentences"},
    ("train_sentences", "tag_sentences"),
)
TEXT = BenchmarkCase(
    language_model,
    "plain_text",
    PlainTextData("tiny", *[Documents(("Ann saw Bonn. " * 4,))] * 3),
    {"units": 8, "embedding_dim": 8, "batch_size": 4, "timesteps": 5},
    idle_writer,
    ("zoo", "keras"),
    "pieces",
    "write",
    lambda texts: [text | {"tokens": text["tokens"] - 1} for text in texts],
    "tokens of 1 texts",
    {"train": "tokens", "write 1": "tokens", "write 3": "tokens"},
    ("train_tokens",),
    ("--length", "2"),
)
PAIRS = BenchmarkCase(
    translation,
    "parallel_text",
    ParallelData("tiny", *[pairs()] * 3),
    {"units": 6, "embedding_dim": 5, "batch_size": 8, "vocabulary_size": 40},  # all differ
    idle_translator,
    ("zoo", "keras"),
    "batches",
    "translate",
    lambda texts: [text[:-1] for text in texts],
    "0% of the translations",
    {"train": "tokens", "translate": "sentences"},
    ("train_pairs", "translated_sentences"),
)


def lstm_weights(cell):
    """The weights of an LSTM, its gates in the order of Keras and PyTorch."""
    gates = ("update", "forget", "candidate", "output")
    order = np.concatenate([np.r_[cell.columns(gate)] for gate in gates])
    return [weight.numpy()[..., order] for weight in cell.trainable_variables]


def torch_lstm(cell, name):
    """The same as PyTorch names them, a dict; its second biases are 0."""
    kernel, recurrent, bias = lstm_weights(cell)
    arrays = kernel.T, recurrent.T, bias, np.zeros_like(bias)
    return {
        name.format(part): array
        for part, array in zip(
            ("weight_ih", "weight_hh", "bias_ih", "bias_hh"), arrays, strict=True
        )
    }


def randomize(model, scale=0.5, seed=0):
    """Gives a network weights that are not 0 anywhere."""
    generator = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(scale * generator.normal(size=variable.shape))


def spared_work(case, candidate):
    """The candidate, but that it does less than it should."""
    do = getattr(candidate, case.work)
    return candidate._replace(**{case.work: lambda *arguments: case.spare(do(*arguments))})


def of_unshifted_targets(case, candidate):
    def batches():
        return (batch | {"target_ids": batch["targets"]} for batch in candidate.batches())

    return candidate._replace(batches=batches)


def of_other_logits(case, candidate):
    return candidate._replace(logits=lambda *ids: candidate.logits(*ids) + 0.01)
