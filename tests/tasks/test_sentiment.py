"""The sentiment task: its labels, its word vectors, and what it shows."""

import dataclasses
import shutil
from typing import ClassVar

import keras
import numpy as np
import pytest
from support.command_lines import assert_refused, options_of
from support.language_modelling import save_encoders
from support.refusals import refused
from support.review_texts import TINY, reviews, write_reviews
from support.task_case import CASES, TaskTests, train

import zoo
from tasks.sentiment import Sentiment
from zoo.application import workflow
from zoo.datasets import text_classification
from zoo.predictors import presets
from zoo.training import checkpoints


class TestSentiment(TaskTests):
    case = CASES["sentiment"]
    refused: ClassVar = {
        "vectors --data={data}": "Missing option '--out'",
        "vectors --data={data} --out=nowhere/a.vec": "cannot be written",
        "vectors --data={data} --dataset=x --out=a.vec": "not both",
        "vectors --data={data} --least=999 --out=a.vec": "no word occurs 999 times",
        "train --data={data} --vectors=a.vec": "a.vec: cannot read word vectors",
        "train --data={data} --limit=1 --out=a.vec": "all of one class",
        "train --data={data} --rate-factor=2": "leave --rate-factor out",
        "train --data={data} --start-from=nowhere": "--start-from: unknown model 'nowhere'",
        "train --data={data} --start-from=ner_bilstm_conll2003": "(entity tagger) than sentiment",
        "train --data={data} --start-from=nowhere --units=3": "leave --units out",
        "train --data={data} --start-from=nowhere --encoder=x": "leave --encoder out",
        "train --data={data} --encoder=nowhere": "--encoder: unknown model 'nowhere'",
        "train --data={data} --encoder=sentiment_bilstm_movie_snippets": "no language model",
        "train --data={data} --encoder=language_model_lstm_shakespeare_character": "not words",
    }

    def test_a_baseline_need_not_be_there(self, trained, call, tmp_path):
        without = shutil.ignore_patterns("baseline.npz", "run")
        model = shutil.copytree(trained.model, tmp_path / "model", ignore=without)
        words = ("--model", model, "--data", trained.files["test"], "--json")
        measured = call(Sentiment, "evaluate", *words).json
        assert "accuracy" in measured
        assert "baseline_accuracy" not in measured

    def test_labels_that_the_model_does_not_know(self, trained, verb, corpora, tmp_path):
        other = write_reviews(tmp_path / "other.tsv", reviews(9, ("neg", "pos", "none")))
        result = verb("evaluate", "--data", other)
        assert_refused(result, other, "line 4 has the label 'none'", "'neg', 'pos'")
        result = verb("evaluate", "--dataset", "three")
        assert_refused(result, "three.tsv has the labels neg, none, pos", "another --dataset")

    def test_goes_on_with_other_labels(self, trained, corpora):
        """The network is kept but for a new head; the same labels keep that too."""
        saved = zoo.load(trained.model)
        start = f"--start-from={trained.model}"
        task, options = Sentiment(), options_of(Sentiment, "--dataset=three", start)
        refused("give --adversarial 0", task.build, task.load_data(options), options)
        options.adversarial = 0.0
        found, model, _ = workflow._build(task, task.load_data(options), options)
        assert found.label_names == ("neg", "none", "pos")
        assert (found.model.output_shape, found.words) == ((None, 3), saved.words)
        for new, old in zip(found.model.layers, saved.model.layers, strict=True):
            pairs = zip(new.get_weights(), old.get_weights(), strict=True)
            same = all(np.array_equal(one, another) for one, another in pairs)
            assert same != (new.name == "logits"), new.name
        rates = {rate for rate, _ in model.optimizer.rates}
        assert rates == {1.0, 2.6**-1, 2.6**-2}  # of the head, the recurrence and the vectors
        same = saved.relabelled(saved.label_names).model
        for new, old in zip(same.get_weights(), saved.model.get_weights(), strict=True):
            np.testing.assert_array_equal(new, old)

    @pytest.mark.more
    def test_begins_with_language_models(self, encoders, call, tmp_path):
        """Sizes follow; each layer waits for its turn; resumed it ends as the unbroken run."""
        words = [f"--encoder={','.join(map(str, encoders))}", "--adversarial=0.1", "--epochs=2"]
        tiny = [o for o in TINY if o.startswith(("--batch", "--learning", "--dropout"))]
        (tmp_path / "trained").mkdir()
        self.case = dataclasses.replace(self.case, tiny=[*tiny, *words])
        trained = train(self.case, tmp_path / "trained")
        states = [checkpoints.load(f / "run") for f in (trained.killed, trained.model)]
        settings = trained.metrics["settings"]
        sizes = [settings[name] for name in ("cell", "units", "layers", "embedding_dim")]
        assert sizes == ["lstm", 4, 2, 5]
        forward, model = zoo.load(encoders[0]), zoo.load(trained.model)
        assert model.words == forward.tokenizer.vocabulary
        table, *lower = (np.array(w) for w in forward.model.trainable_variables[:4])
        for state in states:  # the turn of these would be the third epoch, and the fourth
            for kept in (table, *lower):
                assert any(np.array_equal(kept, value) for value in state.variables)
        upper = np.array(forward.model.get_layer("recurrence").recurrences[1].cell.recurrent_kernel)
        kept = [any(np.array_equal(upper, v) for v in state.variables) for state in states]
        assert kept == [True, False]  # its turn is the second epoch
        self.test_resumed_after_a_kill_it_ends_as_the_unbroken_run(trained, call, tmp_path)
        given = [*trained.given, "--out", tmp_path / "other", words[0]]
        assert_refused(call(Sentiment, *given, "--units=3"), "leave --units out")
        assert_refused(call(Sentiment, *given, "--no-bidirectional"), "leave --bidirectional out")


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    return save_encoders(tmp_path_factory.mktemp("encoders"))


@pytest.fixture
def corpora(monkeypatch, tmp_path):
    """A corpus of three labels by the name "three"."""
    file = write_reviews(tmp_path / "three", reviews(60, ("neg", "none", "pos")))
    file = file.rename(tmp_path / "three.tsv")

    def load(name, *, limit=None):
        assert name == "three"
        return zoo.datasets.text_classification.from_files(file, limit=limit)

    monkeypatch.setattr(text_classification, "load", load)


def built(*words):
    """The untrained predictor of these options."""
    options, task = options_of(Sentiment, "--dataset=three", *TINY, *words), Sentiment()
    return workflow._build(task, task.load_data(options), options)[0]


@pytest.mark.usefixtures("corpora")
def test_the_network_is_that_of_the_options():
    words = ("--cell=gru", "--layers=2", "--no-bidirectional", "--pooling=mean", "--residual")
    predictor = built(*words, "--vocabulary-size=5", "--max-length=7", "--word-dropout=0.4")
    assert predictor.label_names == ("neg", "none", "pos")
    assert predictor.model.output_shape == (None, 3)
    config = predictor.model.get_layer("recurrence").get_config()
    assert (config["cell"], config["units"], config["layers"]) == ("gru", 3, 2)
    assert (config["bidirectional"], config["residual"]) == (False, True)
    assert len(predictor.tokenizer.vocabulary) == 5 + 3
    assert predictor.tokenizer.max_length == 7


@pytest.mark.usefixtures("corpora")
def test_precision_is_of_the_model_not_of_the_process(tmp_path):
    predictor = built("--mixed-precision")
    assert keras.config.dtype_policy().name == "float32"
    presets.write(predictor, tmp_path, {})
    model = zoo.load(tmp_path).model
    assert model.get_layer("recurrence").compute_dtype == "bfloat16"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert model.output.dtype == "float32"


def test_a_prediction_is_one_line():
    shown = Sentiment().show({"input": " a\nb\tc ", "label": "pos", "probability": 0.98765})
    assert shown == "     pos 0.988  a b c"


@pytest.mark.usefixtures("corpora")
def test_vectors_learnt_from_one_corpus_for_another(call, tmp_path):
    file = tmp_path / "words.vec"
    words = ("vectors", "--dataset=three", "--dimension=5", "--epochs=2", "--out", file)
    found = call(Sentiment, *words, "--json").json
    vectors = zoo.text.word_vectors.read(file)
    assert (len(vectors.words), vectors.dimension) == (found["words"], 5)
    texts = text_classification.load("three").train.texts
    assert found["tokens"] == sum(len(text.split()) for text in texts)
    assert set(vectors.words) <= {word for text in texts for word in text.lower().split()}
    assert f"vectors of {found['words']} words" in call(Sentiment, *words).out

    predictor = built(f"--vectors={file}")
    table = np.array(predictor.model.get_layer("embedding").embeddings)
    vectors = zoo.text.word_vectors.read(file)
    row = table[predictor.tokenizer.vocabulary.tokens.index(vectors.words[0])]
    cosine = row @ vectors.matrix[0] / np.linalg.norm(row) / np.linalg.norm(vectors.matrix[0])
    assert (len(row), cosine) == (5, pytest.approx(1, abs=1e-5))
