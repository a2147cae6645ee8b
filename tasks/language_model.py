"""Language models of words and characters: the probability of text, and new text.

python -m tasks.language_model                                  train on Shakespeare, test, save
python -m tasks.language_model generate "ROMEO."
python -m tasks.language_model score "The apple and pair salad" "The apple and pear salad"
python -m tasks.language_model --help
"""

import math
import textwrap

import click

import zoo
from zoo.application.command_line import run
from zoo.application.command_line.options import Text
from zoo.application.task import Task
from zoo.errors import UserError

# What suits a few million characters, and a million words, on two cores.
_BY_LEVEL = {
    "character": {
        "embedding_dim": 64,
        "tie_weights": False,
        "dropout": 0.1,
        "batch_size": 64,
        "timesteps": 128,
        "layers": 2,
        "epochs": 10,
        "learning_rate": 3e-3,
    },
    "word": {
        "embedding_dim": 256,
        "tie_weights": True,
        "dropout": 0.4,
        "batch_size": 32,
        "timesteps": 35,
        "layers": 1,
        "epochs": 8,
        "learning_rate": 1e-3,
    },
}
_LONGEST_GRAM = {"character": 8, "word": 4}  # of the baseline
_SAMPLED = ("", "The king")  # beginnings of the samples on the card
_SAMPLE_LENGTH = {"character": 400, "word": 60}


def _in_words(name):
    """What `--help` says of a default that depends on the level."""

    def shown(value):
        return ("off", "on")[value] if isinstance(value, bool) else value

    return "; ".join(f"{shown(values[name])} for {level}s" for level, values in _BY_LEVEL.items())


class LanguageModelling(Task):
    """The next token of a text, from all that stand before it."""

    name = "language_model"
    summary = "Language model: the probability of text, and new text, word or character at a time."
    predictor = "language_model"
    dataset = "shakespeare"
    preset = "language_model_lstm_shakespeare_character"
    metric = "perplexity"
    lower_is_better = True
    compared = ("perplexity", "bits_per_token", "tokens", "baseline_perplexity")
    file_formats = "plain text"
    limit_help = "Use so many characters of each split."
    replicas = False
    without = frozenset({"bidirectional"})
    verbs = ("score", "generate", "compare")
    defaults = {  # noqa: RUF012
        "cell": "lstm",
        "units": 256,
        "layers": None,
        "dropout": None,
        "epochs": None,
        "patience": 2,
        "batch_size": None,
        "learning_rate": None,
        "clip_norm": 1.0,
    }
    defaults_in_words = {  # noqa: RUF012
        name: _in_words(name) for name in _BY_LEVEL["character"]
    }
    options = (
        click.Option(
            ["--level"],
            type=click.Choice(list(_BY_LEVEL)),
            default="character",
            help="What a token is.",
        ),
        click.Option(
            ["--vocabulary-size"],
            type=click.IntRange(1),
            default=10_000,
            help="The most frequent words, which have an id; characters have them all.",
        ),
        click.Option(
            ["--embedding-dim"],
            type=click.IntRange(0),
            help="Size of the token vectors; 0 for one-hot vectors.",
        ),
        click.Option(
            ["--tie-weights/--no-tie-weights"],
            default=None,
            help="Use the token vectors for the logits too.",
        ),
        click.Option(
            ["--variational-dropout/--no-variational-dropout"],
            default=False,
            help="Draw dropout once for all steps of a piece.",
        ),
        click.Option(
            ["--start-from"],
            type=Text("model"),
            help="Go on from a saved model, its tokens and its network, with your text perhaps.",
        ),
        click.Option(
            ["--timesteps"],
            type=click.IntRange(1),
            help="Steps through which gradients flow; the state is carried on.",
        ),
    )
    examples = ("To be, or not to", "What is thy")
    limits = (
        "It knows the text it was trained on, and nothing of the world: what it writes has the "
        "sound and not the sense, and may be offensive as its source.",
        "Probabilities of texts are comparable only if the tokens are the same: one model, or two "
        "of one vocabulary.",
    )

    def resolve(self, settings):
        values = settings.values
        for name, value in _BY_LEVEL[settings.level].items():
            if name in values and values[name] is None:
                values[name] = value
        if values["tie_weights"] and not values["embedding_dim"]:
            raise UserError(
                "one-hot vectors (--embedding-dim 0) have no weights to tie: give --no-tie-weights "
                "or another --embedding-dim"
            )

    def model_name(self, settings):
        return f"{super().model_name(settings)}_{settings.level}"

    def load_data(self, settings):
        corpus = zoo.datasets.plain_text
        if settings.data:
            files = (settings.data, settings.validation, settings.test)
            return corpus.from_files(*files, limit=settings.limit)
        return corpus.load(settings.dataset or self.dataset, limit=settings.limit)

    def load_test(self, predictor, settings, metrics):
        corpus = zoo.datasets.plain_text
        if settings.data:
            return corpus.from_file(settings.data, limit=settings.limit), settings.data
        name = settings.dataset or metrics.get("dataset", self.dataset)
        return corpus.load(name, limit=settings.limit).test, name

    def build(self, data, settings):
        if settings.start_from:
            return self._saved(settings)
        tokenizer = self._tokenizer(data, settings)
        model = zoo.networks.language_model(
            len(tokenizer.vocabulary),
            embedding_dim=settings.embedding_dim or None,
            cell=settings.cell,
            units=settings.units,
            layers=settings.layers,
            residual=settings.residual,
            tie_weights=settings.tie_weights,
            embedding_dropout=settings.dropout,
            dropout=settings.dropout,
            variational=settings.variational_dropout,
            name=self.name,
        )
        return zoo.predictors.LanguageModel(model, tokenizer)

    def _saved(self, settings):
        """The model to start from."""
        predictor = zoo.application.workflow.load(self, settings.start_from)
        if predictor.level != settings.level:
            raise UserError(
                f"{settings.start_from} is a model of {predictor.level}s: give --level "
                f"{predictor.level} or another --start-from"
            )
        return predictor

    def _tokenizer(self, data, settings):
        if settings.start_from:
            return self._saved(settings).tokenizer
        kind = zoo.predictors.language_model.TOKENIZERS[settings.level]
        size = (settings.vocabulary_size,) if settings.level == "word" else ()
        return kind.from_documents(data.train.texts, *size)

    def compile(self, predictor, optimizer, settings):
        return predictor.compile(optimizer, settings.batch_size)

    def batches(self, predictor, examples, settings, shuffle):
        return predictor.batches(examples.texts, settings.batch_size, settings.timesteps)

    def evaluate(self, predictor, examples):
        return predictor.evaluate(examples.texts)

    def remember(self, predictor):
        prompts = [prompt for prompt in _SAMPLED if not predictor.unknown_characters(prompt)]
        sampled = predictor.generate(prompts, length=_SAMPLE_LENGTH[predictor.level], seed=1)
        return {"samples": [sample["text"] for sample in sampled]}

    def fit_baseline(self, data, settings):
        tokenizer = self._tokenizer(data, settings)
        model = zoo.evaluation.baselines.KneserNey.fit_best(
            tokenizer.stream(data.train.texts),
            tokenizer.stream(data.validation.texts),
            len(tokenizer.vocabulary),
            tokenizer.start_id,
            max_order=_LONGEST_GRAM[settings.level],
        )
        return _NGrams(model, tokenizer)

    def load_baseline(self, path, predictor):
        return _NGrams(zoo.evaluation.baselines.KneserNey.load(path), predictor.tokenizer)

    def evaluate_baseline(self, baseline, examples):
        return baseline.evaluate(examples.texts)

    def details(self, metrics):
        lines = [
            f"{metrics['tokens']:,} tokens ({metrics['level']}s), {metrics['unknown']:.2%} of them "
            f"`<UNK>`; {metrics['bits_per_token']:.4f} bits per token."
        ]
        if "baseline_order" in metrics:
            lines.append(
                f"The baseline, {metrics['baseline_order']}-grams with interpolated modified "
                f"Kneser-Ney smoothing, has {metrics['baseline_bits_per_token']:.4f}."
            )
        if "samples" in metrics:
            lines.append("What it writes (`generate`, temperature 1):")
            lines += [textwrap.indent(sample, "    ") for sample in metrics["samples"]]
        return "\n\n".join(lines)

    def show(self, prediction):
        likeliest = ", ".join(f"{n['token']} {n['probability']:.3f}" for n in prediction["next"])
        return f"{prediction['input']} ... {likeliest}"

    def show_score(self, score):
        exponent = score["log_probability"] / math.log(10)
        power = math.floor(exponent)
        digits = f"{10 ** (exponent - power):.2f}"
        if digits == "10.00":
            digits, power = "1.00", power + 1
        probability = f"{digits}e{power:+03d}"  # also below what floats hold
        return f"{score['log_probability']:10.3f}  {probability}  {score['input']}"


class _NGrams:
    """The baseline with the tokens of the network."""

    def __init__(self, model, tokenizer):
        self._model = model
        self._tokenizer = tokenizer
        self.save = model.save

    def evaluate(self, texts):
        ids = self._tokenizer.stream(texts)
        perplexity = self._model.perplexity(ids, self._tokenizer.start_id)
        bits = math.log2(perplexity)
        return {"perplexity": perplexity, "bits_per_token": bits, "order": self._model.order}


if __name__ == "__main__":
    run(LanguageModelling())
