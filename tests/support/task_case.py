"""What every task shall do, from its data to a saved model that is used: one class of tests.

A new task gets them by a line in `CASES` and one in its test file.
"""

import contextlib
import dataclasses
import functools
import io
import json
import os
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import click
import numpy as np
import pytest

import zoo
from support import clips as video
from support import dna_windows as dna
from support import entity_tagging as tags
from support import language_modelling as prose
from support import music_pieces as music
from support import review_texts as texts
from support import spoken_words as spoken
from support import translation_pairs as pairs
from support.command_lines import assert_refused, contents, execute_task, options_of
from support.parts import near, read_parts
from tasks.dna import Dna
from tasks.language_model import LanguageModelling
from tasks.memory import Memory
from tasks.music import Music
from tasks.ner import NamedEntities
from tasks.sentiment import Sentiment
from tasks.speech import Speech
from tasks.translation import Translation
from tasks.video import Video
from zoo.application import workflow
from zoo.application.options import training_command
from zoo.training import checkpoints

FILES = {"README.md", "baseline.npz", "config.json", "learning_curves.png", "metrics.json"}
FILES |= {"model.keras", "run"}


@dataclass(frozen=True)
class TaskCase:
    """A task, and the least that it can be tried with."""

    task: type
    tiny: list[str]  # options of a training as small as can be
    examples: Callable[[], list]
    write: Callable[[Path, list], Path]
    name: str  # of such a file, `{}` for the split
    inputs: tuple[str, ...]
    answer: str  # what each prediction holds
    best: tuple[str, str]  # the figure that chooses the best epoch, and whether by its "min"
    files: set[str]  # of a saved model, beside `FILES`
    counted: tuple[str, int] = ("examples", 2)  # what `evaluate --limit=2` tells
    of_files: bool = False  # whether inputs are names of files beside those of the training

    @property
    def epochs(self):
        return next(int(o.partition("=")[2]) for o in self.tiny if o.startswith("--epochs"))


REVIEWS = ("good, good!", "", "Ünknöwn ☺ words [bold]", "bad and awful")
NAMES = ("Ann Lee met Bob in Rome.", "", " \t ", "<b>Köln & Bonn</b> \U0001f600 e\u0301 New York")
CHORDS = ("C5 G4 E4 C3", "C5 G4 E4 - | D5 A4 F4 D3")
SAMPLES = {f"sample_{number}.{kind}" for number in (1, 2) for kind in ("mid", "png")}
ANSWERS = {"reliability.png", "vocabulary.txt"}
VOCABULARIES = {"source_vocabulary.txt", "target_vocabulary.txt"}

# fmt: off
_ALL = (
    TaskCase(Sentiment, texts.TINY, texts.reviews, texts.write_reviews, "{}.tsv", REVIEWS,
             "label", ("accuracy", "max"), {"confusion_matrix.png", *ANSWERS}),
    TaskCase(NamedEntities, tags.TINY, tags.sentences_of_every_length, tags.write_sentences,
             "{}.txt", NAMES, "entities", ("f1", "max"), {"characters.txt", *ANSWERS}),
    TaskCase(LanguageModelling, [*prose.TINY, "--monitor=perplexity"], prose.sentences,
             prose.write_text, "{}.txt", ("The king", "A"), "next", ("perplexity", "min"),
             {"vocabulary.txt"}, ("tokens", 3)),
    TaskCase(Music, [*music.TINY, "--monitor=perplexity"], music.chorales,
             music.write_chorales, "{}.json", CHORDS, "next", ("perplexity", "min"), SAMPLES),
    TaskCase(Dna, dna.TINY, dna.windows, dna.write_fasta, "{}.fasta",
             ("ACGTACGTACGTAC", "acgu", "GATTACA-NN"), "label", ("loss", "min"),
             {"confusion_matrix.png", "reliability.png"}),
    TaskCase(Translation, pairs.TINY, pairs.different_pairs, pairs.write_pairs, "{}.tsv",
             ("the old cat.", "the dog sees the cat."), "translation", ("loss", "min"),
             {"attention.png", "reliability.png", *VOCABULARIES}),
    TaskCase(Speech, spoken.TINY, spoken.sentences, spoken.write_sentences, "{}.tsv",
             ("test_0.wav", "test_3.wav"), "text", ("error", "min"),
             {"alphabet.txt", "reliability.png"}, of_files=True),
    TaskCase(Video, video.TINY, video.motions, video.write_motions, "{}.tsv", video.written(),
             "label", ("loss", "min"), {"confusion_matrix.png", "reliability.png"}),
)
# fmt: on
CASES = {case.task.name: case for case in _ALL}
APPLICATIONS = {name: case.task for name, case in CASES.items()} | {Memory.name: Memory}


@dataclass(frozen=True)
class Trained:
    """A trained model and how it came to be; nobody may change it."""

    model: Path
    files: dict[str, Path]  # what it was trained on, by the option that names it
    killed: Path  # a folder as a kill after the first epoch would have left it
    out: str
    err: str
    seen: list[tuple]  # which splits the methods of the task were given
    fit: dict  # the keyword arguments of `zoo.training.fit`

    @property
    def given(self):
        """The data as options of `train`."""
        return [f"--{name}={path}" for name, path in self.files.items()]

    def inputs(self, case):
        """What to predict."""
        folder = self.model.parent
        return [str(folder / name) if case.of_files else name for name in case.inputs]

    @property
    def metrics(self):
        """What `metrics.json` holds."""
        return json.loads((self.model / "metrics.json").read_text())


def train(case, folder):
    """Trains the tiny model of a case in `folder/model`, by the command line, on three files."""
    examples = case.examples()
    parts = {"data": examples[:-9], "validation": examples[-9:-4], "test": examples[-4:]}
    files = {n: case.write(folder / case.name.format(n), part) for n, part in parts.items()}
    model, killed, fitted, seen = folder / "model", folder / "killed", {}, []
    fit, save = zoo.training.fit, checkpoints.save

    def fit_watched(*arguments, **options):
        fitted.update(options)
        return fit(*arguments, **options)

    def save_as_if_killed(state, run):
        save(state, run)
        if not killed.exists():
            shutil.copytree(run, killed / "run")

    out, err = io.StringIO(), io.StringIO()
    given = [f"--{name}={path}" for name, path in files.items()]
    with (
        pytest.MonkeyPatch.context() as patched,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patched.setattr(workflow.training, "fit", fit_watched)
        patched.setattr(checkpoints, "save", save_as_if_killed)
        code = execute_task(_watched(case.task, seen), *given, "--out", model, *case.tiny)
    assert code == 0, err.getvalue()
    return Trained(model, files, killed, out.getvalue(), err.getvalue(), seen, fitted)


def _watched(task, seen):
    """The task, which notes the splits that it is given, and lends none that it must not use."""

    class Watched(task):
        __module__ = task.__module__  # whose command line it is

        def load_data(self, options):
            data = super().load_data(options)
            names = ("train", "validation", "test")
            self.split = {id(getattr(data, name)): name for name in names}
            return data

        def build(self, data, options):
            return super().build(dataclasses.replace(data, validation=None, test=None), options)

        def fit_baseline(self, data, options):
            baseline = super().fit_baseline(dataclasses.replace(data, test=None), options)

            def evaluate(examples):
                seen.append(("baseline", self.split[id(examples)]))
                return baseline.evaluate(examples)

            return SimpleNamespace(save=baseline.save, evaluate=evaluate)

        def batches(self, predictor, examples, options, shuffle):
            seen.append(("batches", self.split[id(examples)], shuffle))
            return super().batches(predictor, examples, options, shuffle)

        def evaluate(self, predictor, examples):
            seen.append(("evaluate", self.split[id(examples)]))
            return super().evaluate(predictor, examples)

    return Watched


REFUSED = {
    "--dataset x --data y": "--dataset or --data, not both",
    "evaluate --dataset x --data y": "--dataset or --data, not both",
    "--validation x": "go with --data",
    "--dataset x --test y": "go with --data",
    "--data missing.tsv --out out": "missing.tsv: there is no such file",
    "--data empty.json --out out": "empty.json: ",
    "--unit 3": "--units",
    "trian": "unknown verb 'trian': one of train, evaluate, predict, ",
    "predict": "Missing argument 'INPUT... | -'",
    "predict --data empty.json": "--data and --out go together",
    "predict --out out": "--data and --out go together",
    "predict x --data empty.json --out out": "or --data, not both",
    "predict --data missing*.txt --out out": "missing*.txt: there is no such file",
    "predict --data empty.json --out out": "empty.json: the name must end in .txt, .csv, ",
    "predict --model nowhere x": "unknown model 'nowhere': give the folder of one",
    "evaluate --model nowhere": "unknown model 'nowhere'",
    "export --model nowhere --out out": "unknown model 'nowhere'",
    "export": "Missing option '--out'",
    "export --out=out --name=a/b": "'a/b' cannot name an exported model",
    "export --out=out --name=": "--name",
    "export --out=out --format=pickle": "'saved_model', 'onnx', 'litert'",
    "export --out=": "--out",
    "export --out=empty.json": "cannot write to",
}


@pytest.mark.usefixtures("load_once")
class TaskTests:
    """The tests of every task; a subclass names its `case`, and what it refuses beside `REFUSED`.

    There "{data}" is the training data, and verbs that take a model get the trained one.
    """

    case: TaskCase
    refused: ClassVar = {}

    @pytest.fixture
    def trained(self, trained_models):
        return trained_models(self.case.task.name)

    @pytest.fixture
    def verb(self, call, trained):
        """Calls a verb with the trained model."""
        return lambda name, *words: call(self.case.task, name, "--model", trained.model, *words)

    @pytest.fixture
    def built(self, trained):
        """Makes the untrained predictor of options, and its batches."""

        def build(*words):
            words = (*trained.given, *self.case.tiny, *words)
            options, task = options_of(self.case.task, *words), self.case.task()
            options.resolve()
            data = task.load_data(options)
            options.suit(data)
            predictor, _, batches = workflow._build(task, data, options)
            return predictor, batches

        return build

    def options(self, trained):
        """Those of the training."""
        options = options_of(self.case.task, *trained.given, *self.case.tiny)
        options.resolve()
        options.suit(self.case.task().load_data(options))
        return options

    def test_training_leaves_a_whole_model_and_says_how_good_it_is(self, trained):
        task, metrics, name = self.case.task, trained.metrics, self.case.task.metric.name
        assert {path.name for path in trained.model.iterdir()} == FILES | self.case.files
        assert (metrics["task"], metrics["metric"]) == (task.name, name)
        assert {f"baseline_{name}", f"validation_{name}", *task.metric.compared} < metrics.keys()
        assert metrics["epochs"] == self.case.epochs
        assert metrics["parameters"] == zoo.load(trained.model).model.count_params()
        assert metrics["settings"] == self.options(trained).recorded()
        assert f"\ntest {name:13} {metrics[name]:.4f}\n" in trained.out
        assert f"\nbaseline {name:9} {metrics[f'baseline_{name}']:.4f}\n" in trained.out
        assert ("does not beat the simple baseline" in trained.out) == task.metric.behind(metrics)
        assert trained.out.endswith(f"\nsaved: {workflow.runs.relative_path(trained.model)}\n")
        epochs = re.findall(rf"^epoch (\d+)/{self.case.epochs} ", trained.err, re.M)
        assert epochs == [str(epoch + 1) for epoch in range(self.case.epochs)]

    def test_each_split_has_its_own_use_and_the_best_epoch_the_better_figure(self, trained):
        """`_watched` hides the splits that are not for a step."""
        assert sorted(trained.seen) == [
            ("baseline", "test"),
            ("batches", "train", True),
            ("batches", "validation", False),
            ("evaluate", "test"),
            ("evaluate", "validation"),
        ]
        monitor, mode = self.case.best
        told, options = trained.fit, self.options(trained)
        assert (told["monitor"], told["mode"]) == (f"val_{monitor}", mode)
        assert (told["epochs"], told["resume"]) == (self.case.epochs, False)
        assert (told["seed"], told["patience"]) == (options.seed, options.patience)

    def test_the_card_tells_how_to_use_and_how_to_repeat(self, trained):
        task, metrics, name = self.case.task, trained.metrics, self.case.task.metric.name
        card = (trained.model / "README.md").read_text()
        assert card.startswith(f"# model\n\n{task.summary}\n")
        names = {}
        code = re.search(r"```python\n(.*?)```", card, re.S).group(1)
        code = code.replace(f'"{task.card.stand_in}"', repr(str(trained.inputs(self.case)[0])))
        exec(code.replace("model.predict", "predictions = model.predict"), names)
        assert self.case.answer in names["predictions"][0]
        pictures = re.findall(r"!\[.*\]\((.*)\)", card)
        assert {*pictures} == {f for f in FILES | self.case.files if f.endswith(".png")}
        for picture in pictures:
            assert (trained.model / picture).read_bytes().startswith(b"\x89PNG")
        command = training_command(task().program, self.options(trained))
        assert f"\n    {command}\n" in card
        python, m, module, verb, *words = shlex.split(command)
        assert (python, m, module, verb) == ("python", "-m", f"tasks.{task.name}", "train")
        repeated = options_of(task, *words)
        repeated.resolve()
        assert repeated == self.options(trained)
        assert f"\n| this model | {metrics[name]:.4f} |\n" in card
        assert f"\n| simple baseline on the same data | {metrics[f'baseline_{name}']:.4f} |" in card
        assert ("does not beat that baseline" in card) == task.metric.behind(metrics)
        for part in (task().details(metrics), *task.card.limits, "under what licence"):
            assert part in card
        assert "Licence:" not in card  # the data are a user's

    def test_evaluation_repeats_the_recorded_figures(self, trained, verb, monkeypatch):
        """Those of the test file, of the validation file and of the corpus of the training."""
        name, metrics, file = self.case.task.metric.name, trained.metrics, trained.files["test"]
        result = verb("evaluate", "--data", file, "--json")
        measured = result.json
        assert (measured["model"], measured["dataset"]) == (str(trained.model), str(file))
        for key in (name, f"baseline_{name}", "examples"):
            assert measured[key] == pytest.approx(metrics[key], rel=1e-5)
        assert f"test {name:13} {measured[name]:.4f}\n" in result.err
        few = verb("evaluate", "--data", trained.files["validation"], "--limit=2", "--json").json
        key, value = self.case.counted
        assert few[key] == value
        shown = verb("evaluate", "--data", trained.files["validation"])
        assert f"test {name:13} {metrics[f'validation_{name}']:.4f}\n" in shown.out
        assert shown.err == ""

        assert_refused(verb("evaluate"), "was trained on a file of your own", "give --data")
        corpus, loaded = getattr(zoo.datasets, self.case.task.corpus), []

        def load(name, *, limit=None, **more):
            loaded.append((name, limit))
            return corpus.from_files(*trained.files.values(), limit=limit, **more)

        monkeypatch.setattr(corpus, "load", load)
        measured = verb("evaluate", "--json").json
        assert measured["dataset"] == metrics["dataset"]
        assert measured[name] == pytest.approx(metrics[name], rel=1e-5)
        task = self.case.task()
        assert len(task.load_data(options_of(type(task), "--limit=40")).test) <= 40
        assert loaded == [(metrics["dataset"], None), (task.dataset, 40)]

    def test_predictions(self, trained, verb, standard_input):
        """Of a list and of lines, as JSON and for people; all by the same program."""
        inputs = trained.inputs(self.case)
        found = verb("predict", "--json", *inputs).json["predictions"]
        assert [prediction["input"] for prediction in found] == inputs
        assert all(self.case.answer in prediction for prediction in found)
        shown = verb("predict", *inputs)
        expected = "".join(click.unstyle(self.case.task().show(p)) + "\n" for p in found)
        assert (shown.code, shown.out) == (0, expected)
        if odd := [p["input"] for p in found if not p.get("familiar", True)]:
            said = f"unlike the training data: {len(odd)}, such as '{odd[0].strip()}'\n"
        assert shown.err == (said if odd else "")
        standard_input("\r\n".join(inputs).encode())
        assert verb("predict", "-").out == expected
        standard_input(b"")
        assert verb("predict", "-", "--json").json == {"predictions": []}
        assert_refused(verb("predict", "-", inputs[0]), "give it alone")

    def test_rows_of_files_are_predicted_as_words_are(self, trained, verb, tmp_path):
        """In JSON Lines and in Parquet, which loses none of it; what is no row has its error."""
        inputs, column = trained.inputs(self.case), self.case.task.rows.column
        expected = verb("predict", "--json", *inputs).json["predictions"]
        rows = [{"id": f"n{i}", column: text} for i, text in enumerate(inputs)]
        table = tmp_path / "rows.jsonl"
        table.write_text("\n".join(map(json.dumps, [*rows, {"id": "last"}])))
        found = {}
        for form in ("jsonl", "parquet"):
            out = tmp_path / form
            words = ("--data", table, "--out", out, "--part-rows=2", f"--format={form}")
            result = verb("predict", *words, "--json")
            told = json.loads(result.out)
            assert result.code == 2, result
            assert (told["rows"], told["failed"]) == (len(rows) + 1, 1)
            found[form] = read_parts(out)
        assert [row["prediction"] for row in found["jsonl"][:-1]] == [*map(near, expected)]
        assert found["parquet"] == [*map(near, found["jsonl"])]
        for number, row in enumerate(found["jsonl"], 1):
            assert (row["file"], row["row"]) == (str(table), number)
            assert row["id"] == (rows[number - 1]["id"] if number <= len(rows) else "last")
        assert f"no column '{column}'" in found["jsonl"][-1]["error"]

    def test_export_is_of_the_model_that_was_asked_for(self, trained, verb, monkeypatch, tmp_path):
        """On TensorFlow, whatever is set. What it holds is told apart in `tests/serving`."""
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        asked = []

        def export(predictor, *words):
            asked.append((type(predictor), *words))
            return Path("where")

        monkeypatch.setattr(workflow.serving, "export", export)
        found = verb("export", "--out", tmp_path, "--json").json
        assert found == {"model": str(trained.model), "format": "saved_model", "folder": "where"}
        assert os.environ["KERAS_BACKEND"] == "tensorflow"
        verb("export", "--out", tmp_path, "--name=other", "--format=onnx", "--overwrite")
        kind, out = type(zoo.load(trained.model)), str(tmp_path)
        assert asked == [
            (kind, "model", out, "saved_model", False),
            (kind, "other", out, "onnx", True),
        ]

    def test_resumed_after_a_kill_it_ends_as_the_unbroken_run(self, trained, call, tmp_path):
        """In the same process and configuration, so that nothing but the resuming could differ."""
        out = shutil.copytree(trained.killed, tmp_path / "model")

        class Untested(self.case.task):
            def evaluate(self, predictor, examples):
                raise KeyboardInterrupt

        result = call(Untested, "--resume", "--out", out)
        assert result.code == 130, result
        assert f"epoch 2/{self.case.epochs} " in result.err
        assert "epoch 1/" not in result.err
        assert f"interrupted: {self.case.epochs} finished epoch(s) are kept" in result.err
        resumed, unbroken = (checkpoints.load(folder / "run") for folder in (out, trained.model))
        assert resumed.best_epoch == unbroken.best_epoch
        for name, values in unbroken.history.items():
            assert resumed.history[name] == pytest.approx(values, rel=1e-5)
        for kind in ("variables", "optimizer_variables", "best_weights"):
            values = getattr(resumed, kind), getattr(unbroken, kind)
            for value, expected in zip(*values, strict=True):
                np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-7)

    def test_wrong_input_is_refused_and_nothing_is_touched(
        self, trained, call, verb, standard_input, tmp_path, monkeypatch
    ):
        folder = tmp_path / "folder"
        folder.mkdir()
        monkeypatch.chdir(folder)
        standard_input(b"")
        (folder / "empty.json").touch()
        for words, problem in (REFUSED | self.refused).items():
            name, *others = shlex.split(words.format(**trained.files))
            asked = name in ("generate", "score", "predict", "export") and "--model" not in others
            ask = verb if asked else functools.partial(call, self.case.task)
            assert_refused(ask(name, *others), problem)
            assert [*folder.iterdir()] == [folder / "empty.json"], words
        before = contents(trained.model)
        result = call(self.case.task, *trained.given, "--out", trained.model, *self.case.tiny)
        assert_refused(result, trained.model, "already holds a model", "--overwrite")
        assert contents(trained.model) == before
        monkeypatch.setattr(self.case.task, "predictor", "oracle")
        for words in (("predict", "x"), ("evaluate", "--data", "x"), ("export", "--out", "x")):
            assert_refused(verb(*words), "needs (oracle)", "another model")
