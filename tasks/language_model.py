"""Language models of words and characters: the probability of text, and new text.

python -m tasks.language_model                                  train on Shakespeare, test, save
python -m tasks.language_model generate "ROMEO."
python -m tasks.language_model score "The apple and pair salad" "The apple and pear salad"
python -m tasks.language_model --help
"""

import functools
import math
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zoo
from zoo.application import Card, Metric, Rows, Task, TrainingOptions, Verb, option
from zoo.application.command_line import run
from zoo.application.options import ManyOptions, ModelOptions, argument, by_level, fixed
from zoo.application.sampling import SamplingOptions, check_temperature
from zoo.application.task import Output
from zoo.application.verbs import are_many, comparing
from zoo.errors import UserError

_LEVELS = ("character", "word")
_LONGEST_GRAM = {"character": 8, "word": 4}  # of the baseline
_TEXTS = "TEXT... | -"
_SCORE = {"log_probability": -0.5, "probability": 0.5, "perplexity": 1.5}
_SAMPLED = ("", "The king")  # beginnings of the samples on the card
_SAMPLE_LENGTH = {"character": 400, "word": 60}
_LONGEST_SEARCH = 10_000  # tokens

_OF_NETWORK = ("units", "layers", "dropout")
_OF_TRAINING = ("epochs", "batch_size", "timesteps")
_OF_TOKENS = {"embedding_dim", "tie_weights", "variational_dropout", "vocabulary_size"}
# What suits texts of up to so many characters to train on: see docs/language_model.md.
_SUITED = {
    "character": {
        300_000: (256, 1, 0.5, 30, 8, 64),
        3_000_000: (384, 1, 0.3, 16, 32, 64),
        math.inf: (256, 2, 0.1, 10, 64, 128),
    },
    "word": {
        300_000: (256, 1, 0.6, 16, 8, 35),
        3_000_000: (256, 1, 0.5, 12, 16, 35),
        math.inf: (256, 1, 0.4, 8, 32, 35),
    },
}


def _by_size(help: str | None = None, **about: Any) -> Any:
    """An option whose default follows the size of the text."""
    return option(None, help, shown="by the size of the text", **about)


@dataclass
class Options(TrainingOptions):
    """What `train` takes; on two cores it suits texts of 100 kB to 10 MB."""

    limit: int | None = option(None, "Use so many characters of each split.")
    bidirectional: bool = fixed(False)
    units: int = _by_size()
    layers: int = _by_size()
    dropout: float = _by_size()
    epochs: int = _by_size()
    monitor: str = option("loss", choices=("loss", "perplexity"))
    batch_size: int = _by_size("Lanes of text that are read side by side.")
    learning_rate: float = by_level(_LEVELS, (0.003, 0.001))
    level: str = option("character", "What a token is.", choices=_LEVELS)
    vocabulary_size: int = option(
        10_000, "The most frequent words, which have an id; characters have them all.", least=1
    )
    embedding_dim: int = by_level(
        _LEVELS, (64, 256), "Size of the token vectors; 0 for one-hot vectors.", least=0
    )
    tie_weights: bool = by_level(_LEVELS, (False, True), "Use the token vectors for logits too.")
    variational_dropout: bool = option(False, "Draw dropout once for all steps of a piece.")
    backward: bool = option(
        False, "Read from right to left: to score texts, and for --encoder.", flag=True
    )
    encoder: str | None = option(
        None, "A saved model whose tokens and vectors are taken, and not trained.", what="model"
    )
    start_from: str | None = option(
        None, "Go on from a saved model, its tokens and its network.", what="model"
    )
    timesteps: int = _by_size("Steps that gradients flow through; the state goes on.", least=1)

    def resolve(self) -> None:
        self.fill_in(self.level)
        if self.tie_weights and not self.embedding_dim:
            raise UserError(
                "one-hot vectors (--embedding-dim 0) have no weights to tie: give --no-tie-weights "
                "or another --embedding-dim"
            )

    def suit(self, data: Any) -> dict[str, Any]:
        suited = _SUITED[self.level].items()
        characters = data.train.characters
        values = next(values for most, values in suited if characters <= most)
        chosen = dict(zip((*_OF_NETWORK, *_OF_TRAINING), values, strict=True))
        if self.start_from:  # the network is there
            chosen = {name: chosen[name] for name in _OF_TRAINING}
        return self.fill(chosen)


@dataclass
class ScoreOptions(ModelOptions):
    """What `score` takes."""

    texts: tuple[str, ...] = argument(_TEXTS, required=False)
    per_token: bool = option(False, "Show the factors of the product.", flag=True)


@dataclass
class GenerateOptions(SamplingOptions, ModelOptions):
    """What `generate` takes."""

    prompts: tuple[str, ...] = argument("[PROMPT]... | -", required=False)
    length: int = option(500, "Most tokens to write; it ends earlier with <EOS>.", least=1)
    past_end: bool = option(False, "Go on after <EOS>, as the training text does.", flag=True)
    greedy: bool = option(False, "Take the likeliest token each time.", flag=True)
    beams: int | None = option(None, "Search for the likeliest text instead.", least=1, most=1000)
    samples: int = option(1, "Texts to write per prompt.", least=1)
    temperature: float | None = option(
        None, check=functools.partial(check_temperature, greedy="--greedy")
    )

    def settings(self) -> dict[str, Any]:
        drawing = list(self.drawing())
        certain = [name for name in ("greedy", "beams") if getattr(self, name)]
        if certain and drawing + certain[1:]:
            other = (drawing + certain[1:])[0].replace("_", "-")
            raise UserError(f"--{certain[0]} draws nothing at random: leave --{other} out")
        if certain and self.samples > 1:
            raise UserError(f"--{certain[0]} always gives the same text: leave --samples out")
        if self.beams and self.past_end:
            raise UserError("--beams compares texts that have ended: leave --past-end out")
        if self.beams and self.length > _LONGEST_SEARCH:
            raise UserError(
                f"--beams keeps all that it searches: give a --length of at most {_LONGEST_SEARCH}"
            )
        own = {name: getattr(self, name) for name in ("length", "past_end", "greedy")}
        return own | super().settings()


def generate(task: Task, options: GenerateOptions, output: Output) -> dict[str, Any] | None:
    """Writes new text."""
    settings = options.settings()
    predictor = zoo.application.workflow.load(task, options.model)
    prompts = list(output.inputs(options.prompts))
    if options.prompts and not prompts:
        raise UserError("there is no prompt on standard input: leave - out for none")
    prompts = prompts or [""]
    said = options.seed is not None or options.greedy or options.beams
    if len(prompts) == options.samples == 1 and not output.json and not options.beams:
        for piece in predictor.stream(prompts[0], **settings):
            if not said:  # by now the prompt is known to be right
                output.note(f"seed {settings['seed']}")
                said = True
            output.line(piece, end="")
        output.line("")
        return None
    texts = predictor.generate(
        [prompt for prompt in prompts for _ in range(options.samples)],
        **settings,
        beams=options.beams,
    )
    if not said and not output.json:
        output.note(f"seed {settings['seed']}")
    for text in texts:
        output.line(text["text"])
    return {"seed": settings["seed"], "texts": texts}


def score(task: Task, options: ScoreOptions, many: ManyOptions, output: Output) -> dict[str, Any]:
    """Tells how probable texts are, the best first; or the rows of files, into a folder."""
    if are_many(options.texts, many, _TEXTS):
        tokens = {"tokens": [{"token": "", "log_probability": -0.5, "probability": 0.5}]}
        rows = Rows(answer=_SCORE | (tokens if options.per_token else {}))
        return zoo.application.many.run(task, many, options, output, rows, _scored)
    predictor = zoo.application.workflow.load(task, options.model)
    texts = list(output.inputs(options.texts))
    if not texts:
        raise UserError("there is no text to score on standard input")
    scores = predictor.score(texts)
    best_first = sorted(
        ({"input": text, **score} for text, score in zip(texts, scores, strict=True)),
        key=lambda score: -score["log_probability"],
    )
    for one in best_first:
        output.line(_in_powers(one))
        for token in one["tokens"] if options.per_token else ():
            output.line(f"{'':12}{token['probability']:.6f}  {token['token']}")
    return {"scores": best_first}


def _scored(
    task: Task, predictor: Any, inputs: list[str], options: ScoreOptions
) -> list[dict[str, Any]]:
    scores = predictor.score(inputs)
    if not options.per_token:
        scores = [{name: score[name] for name in _SCORE} for score in scores]
    return [{"input": text, **score} for text, score in zip(inputs, scores, strict=True)]


def _in_powers(score: dict[str, Any]) -> str:
    """A text and its score as one line; the probability also below what floats hold."""
    exponent = score["log_probability"] / math.log(10)
    power = math.floor(exponent)
    digits = f"{10 ** (exponent - power):.2f}"
    if digits == "10.00":
        digits, power = "1.00", power + 1
    return f"{score['log_probability']:10.3f}  {digits}e{power:+03d}  {score['input']}"


class LanguageModelling(Task):
    """The next token of a text, from all that stand before it."""

    name = "language_model"
    summary = "Language model: the probability of text, and new text, word or character at a time."
    corpus = "plain_text"
    files = "plain text"
    dataset = "shakespeare"
    predictor = "language_model"
    preset = "language_model_lstm_shakespeare_character"
    rows = Rows(answer={"next": [{"token": "", "probability": 0.5}]})
    replicas = False
    metric = Metric(
        "perplexity",
        lower_is_better=True,
        compared=("perplexity", "bits_per_token", "tokens", "baseline_perplexity"),
    )
    options = Options
    verbs = (
        Verb(score, "How probable texts are, best first.", (ScoreOptions, ManyOptions)),
        Verb(generate, "Write new text; - reads prompts.", (GenerateOptions,)),
        comparing(Options),
    )
    card = Card(
        limits=(
            "It knows the text it was trained on, and nothing of the world: what it writes has the "
            "sound and not the sense, and may be offensive as its source.",
            "Probabilities of texts are comparable only if the tokens are the same: one model, or "
            "two of one vocabulary.",
        ),
        examples=("To be, or not to", "What is thy"),
    )

    def model_name(self, options: Options) -> str:
        return f"{super().model_name(options)}_{options.level}"

    def follow(self, options: Options, given: Collection[str]) -> None:
        if options.start_from:
            fixed = zoo.application.transfer.OF_NETWORK | _OF_TOKENS
            reason = "the network is that of --start-from"
            zoo.application.transfer.refuse(options, fixed & set(given), reason)
        if not options.encoder:
            return
        saved = self._saved(options, "encoder")
        vectors = zoo.networks.transfer.vectors_of(saved.model)
        follows: dict[str, Any] = {"embedding_dim": 0 if vectors is None else vectors.shape[1]}
        if options.level == "word":
            follows["vocabulary_size"] = len(saved.tokenizer.vocabulary) - 3
        if not options.start_from:  # two of one size are an encoder
            stack = saved.model.get_layer("recurrence").get_config()
            follows |= {n: stack[n] for n in ("cell", "units", "layers") if n not in given}
        zoo.application.transfer.settle(options, follows, given)

    def build(self, data: Any, options: Options) -> Any:
        if options.start_from:
            predictor = self._saved(options, "start_from")
        else:
            tokenizer = self._tokenizer(data, options)
            model = zoo.networks.language_model(
                len(tokenizer.vocabulary),
                embedding_dim=options.embedding_dim or None,
                **options.recurrence(),
                tie_weights=options.tie_weights,
                embedding_dropout=options.dropout,
                dropout=options.dropout,
                variational=options.variational_dropout,
                name=self.name,
            )
            predictor = zoo.predictors.LanguageModel(model, tokenizer)
        if options.encoder:
            self._keep_vectors(predictor, options)
        return predictor

    def _keep_vectors(self, predictor: Any, options: Options) -> None:
        """Gives a model the vectors of `--encoder`; a UserError if they are those of others."""
        encoder, models = self._saved(options, "encoder"), zoo.networks.transfer
        vectors, own = (models.vectors_of(m.model) for m in (encoder, predictor))
        shapes = [None if of is None else of.shape for of in (vectors, own)]
        if shapes[0] != shapes[1] or encoder.tokenizer.vocabulary != predictor.tokenizer.vocabulary:
            raise UserError(
                f"{options.start_from} has not the tokens and vectors of {options.encoder}: leave "
                "--start-from or --encoder out"
            )
        if vectors is not None:
            models.keep_vectors(predictor.model, encoder.model)

    def _saved(self, options: Options, option: str) -> Any:
        """The model to start from, or to take tokens and vectors of."""
        flag, name = "--" + option.replace("_", "-"), getattr(options, option)
        predictor = zoo.application.workflow.load(self, name, flag)
        if predictor.level != options.level:
            raise UserError(
                f"{flag}: {name} is a model of {predictor.level}s: give --level {predictor.level} "
                "or another model"
            )
        if option == "start_from" and predictor.backward != options.backward:
            how = "from right to left" if predictor.backward else "forward"
            raise UserError(
                f"{flag}: {name} reads {how}: give or leave out --backward to go on with it"
            )
        return predictor

    def _tokenizer(self, data: Any, options: Options) -> Any:
        kind = zoo.predictors.language_model.TOKENIZERS[options.level]
        if options.start_from or options.encoder:
            saved = self._saved(options, "start_from" if options.start_from else "encoder")
            config = saved.tokenizer.get_config() | {"backward": options.backward}
            return kind.from_config(config, saved.tokenizer.vocabulary)
        size = (options.vocabulary_size,) if options.level == "word" else ()
        return kind.from_documents(data.train.texts, *size, backward=options.backward)

    def compile(self, predictor: Any, optimizer: Any, options: Options) -> Any:
        return predictor.compile(optimizer, options.batch_size)

    def batches(self, predictor: Any, examples: Any, options: Options, shuffle: bool) -> Any:
        return predictor.batches(examples.texts, options.batch_size, options.timesteps)

    def evaluate(self, predictor: Any, examples: Any) -> dict[str, Any]:
        return predictor.evaluate(examples.texts)

    def training_metadata(self, predictor: Any) -> dict[str, Any]:
        if predictor.backward:
            return {"backward": True}
        prompts = [prompt for prompt in _SAMPLED if not predictor.unknown_characters(prompt)]
        sampled = predictor.generate(prompts, length=_SAMPLE_LENGTH[predictor.level], seed=1)
        return {"samples": [sample["text"] for sample in sampled]}

    def examples_for(self, metrics: dict[str, Any]) -> Sequence[str]:
        return () if metrics.get("backward") else super().examples_for(metrics)

    def fit_baseline(self, data: Any, options: Options) -> Any:
        tokenizer = self._tokenizer(data, options)
        model = zoo.evaluation.baselines.KneserNey.fit_best(
            tokenizer.stream(data.train.texts),
            tokenizer.stream(data.validation.texts),
            len(tokenizer.vocabulary),
            tokenizer.start_id,
            max_order=_LONGEST_GRAM[options.level],
        )
        return _NGrams(model, tokenizer)

    def load_baseline(self, path: Path, predictor: Any) -> Any:
        return _NGrams(zoo.evaluation.baselines.KneserNey.load(path), predictor.tokenizer)

    def details(self, metrics: dict[str, Any]) -> str:
        lines = [
            f"{metrics['tokens']:,} tokens ({metrics['level']}s), {metrics['unknown']:.2%} of them "
            f"`<UNK>`; {metrics['bits_per_token']:.4f} bits per token."
        ]
        if "baseline_order" in metrics:
            lines.append(
                f"The baseline, {metrics['baseline_order']}-grams with interpolated modified "
                f"Kneser-Ney smoothing, has {metrics['baseline_bits_per_token']:.4f}."
            )
        if metrics.get("backward"):
            lines.append("It reads from right to left: it scores texts, and writes none.")
        if "samples" in metrics:
            lines.append("What it writes (`generate`, temperature 1):")
            lines += [textwrap.indent(sample, "    ") for sample in metrics["samples"]]
        return "\n\n".join(lines)

    def show(self, prediction: dict[str, Any]) -> str:
        likeliest = ", ".join(f"{n['token']} {n['probability']:.3f}" for n in prediction["next"])
        return f"{prediction['input']} ... {likeliest}"


class _NGrams:
    """The baseline with the tokens of the network."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self.save = model.save

    def evaluate(self, examples: Any) -> dict[str, Any]:
        ids = self._tokenizer.stream(examples.texts)
        perplexity = self._model.perplexity(ids, self._tokenizer.start_id)
        bits = math.log2(perplexity)
        return {"perplexity": perplexity, "bits_per_token": bits, "order": self._model.order}


if __name__ == "__main__":
    run(LanguageModelling())
