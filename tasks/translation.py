"""Translation by an encoder-decoder with attention: dates in words to ISO dates, English to French.

python -m tasks.translation                                    train on dates, test, save
python -m tasks.translation predict "12 mai 2019" "September 3, 1987"
python -m tasks.translation train --dataset bible_en_fr
python -m tasks.translation lengths saved_models/with saved_models/without --out lengths.png
python -m tasks.translation --help
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zoo
from zoo.application import Card, Metric, Rows, Task, Verb, option
from zoo.application.command_line import run
from zoo.application.options import EncoderOptions, ModelOptions, argument, by_level, fixed
from zoo.application.task import Output
from zoo.application.verbs import comparing
from zoo.errors import UserError

_LEVELS = ("character", "subword", "word")
_OF_DATASET = {"dates": "character"}  # all others: subwords
_HYPOTHESIS = {"text": "", "log_probability": -0.5, "score": -0.5}
_SHOWN = 3  # of the test split, after training and on the card
_LINE = 70  # characters


@dataclass
class Options(EncoderOptions):
    """What `train` takes; it suits many short strings, or some ten thousands of sentences."""

    cell: str = "gru"
    units: int = by_level(_LEVELS, (128, 256, 256))
    dropout: float = by_level(_LEVELS, (0.1, 0.3, 0.3))
    epochs: int = by_level(_LEVELS, (5, 10, 10))
    patience: int = 3
    monitor: str = fixed("loss")
    batch_size: int = by_level(_LEVELS, (128, 64, 64))
    learning_rate: float = by_level(_LEVELS, (0.003, 0.002, 0.002))
    level: str = option(
        None, "What a token is.", choices=_LEVELS, shown="character for dates, else subword"
    )
    vocabulary_size: int = option(
        6000, "Subwords or words that have an id; characters have them all.", least=1
    )
    embedding_dim: int = by_level(_LEVELS, (64, 256, 256), "Size of a token's vector.", least=1)
    attention: str = by_level(
        _LEVELS,
        ("additive", "multiplicative", "multiplicative"),
        "How the decoder looks back at the source.",
        choices=("additive", "multiplicative", "none"),
    )
    input_feeding: bool = option(False, "Let the decoder read what it attended to before; slower.")
    tie_embeddings: bool = by_level(
        _LEVELS, (False, True, True), "Use the target vectors for the logits too."
    )
    share_embeddings: bool = by_level(
        _LEVELS, (False, True, False), "One vocabulary for source and target."
    )
    label_smoothing: float = by_level(
        _LEVELS, (0.0, 0.1, 0.1), "Share of the target spread over all tokens.", least=0, below=1
    )

    def resolve(self) -> None:
        if self.encoder and self.level is None:
            self.level = zoo.application.transfer.encoder_of(self).level
        if self.level is None:
            corpus = None if self.data else self.dataset or Translation.dataset
            self.level = _OF_DATASET.get(corpus, "subword")
        self.fill_in(self.level)
        if self.input_feeding and self.attention == "none":
            raise UserError("--input-feeding feeds what was attended to: give an --attention")

    encoder_levels = ("word", "character")

    def of_encoder(self, encoder: Any) -> dict[str, Any]:
        return {"level": encoder.level, "share_embeddings": False}


@dataclass
class PredictOptions(ModelOptions):
    """What `predict` takes."""

    beams: int = option(5, "Hypotheses side by side.", least=1, most=100)
    n_best: int = option(
        1, "Show so many translations of each text, with their scores.", least=1, most=100
    )
    length_penalty: float = option(
        1.0, "0 compares by probability, 1 by probability per token.", least=0
    )
    copy_unknown: bool = option(
        False, "Copy the word attended to where a model of words has none.", flag=True
    )
    attention_picture: str | None = option(
        None, "PNG of what the decoder looks at, of the first text.", name="attention", file=True
    )


@dataclass
class LengthsOptions:
    """What `lengths` takes."""

    models: tuple[str, ...] = argument("MODEL...")
    out: str = option(None, "PNG to draw.", file=True, required=True)


def lengths(task: Task, options: LengthsOptions, output: Output) -> dict[str, Any]:
    """Draws BLEU by the length of the source, a curve for each saved model."""
    curves = {model: _by_source_length(model) for model in options.models}
    groups = [
        [(point["least"], point["most"], point["sentences"]) for point in points]
        for points in curves.values()
    ]
    for model, other in zip(curves, groups, strict=True):
        if other != groups[0]:
            raise UserError(
                f"{model} was tested on other texts than {options.models[0]}: give models of one "
                "corpus"
            )
    zoo.evaluation.figures.bleu_by_source_length(curves, options.out)
    output.line("\t".join(("words", "texts", *curves)))
    for points in zip(*curves.values(), strict=True):
        first = points[0]
        figures = (f"{point['bleu']:.1f}" for point in points)
        words = f"{first['least']}-{first['most']}"
        output.line("\t".join((words, str(first["sentences"]), *figures)))
    return {"by_source_length": curves}


def _by_source_length(model: str) -> list[dict[str, Any]]:
    """What was recorded of a saved model when it was tested."""
    catalogue = zoo.predictors.catalogue
    metrics = catalogue.read_metrics(catalogue.find_model(model))
    if "by_source_length" not in metrics:
        raise UserError(
            f"{model} has not been tested on sources of three lengths: train it on such"
        )
    return metrics["by_source_length"]


class Translation(Task):
    """A text in another language, or another form, word by word."""

    name = "translation"
    summary = "Translation: texts into another language, with attention and beam search."
    corpus = "parallel_text"
    files = "lines of source<TAB>target"
    dataset = "dates"
    predictor = "translator"
    preset = "translation_bigru_dates"
    predicted_together = 256  # some seconds of work
    rows = Rows(
        "source",
        {"translation": "", "probability": 0.5, "familiar": True, "hypotheses": [_HYPOTHESIS]},
    )
    metric = Metric("bleu", compared=("bleu", "chrf", "exact_match", "baseline_bleu"))
    options = Options
    predict_options = PredictOptions
    verbs = (
        comparing(Options),
        Verb(lengths, "Draw BLEU by source length, a curve for each model.", (LengthsOptions,)),
    )
    card = Card(
        limits=(
            "It knows the kind of text that it was trained on: other texts, names above all, come "
            "out wrong, and fluently so.",
            "A text is translated as one sequence; give sentences, not pages.",
            "A served model takes texts as they are: bring them to Unicode's NFC first, as "
            "`predict` does itself.",
        )
    )

    def build(self, data: Any, options: Options) -> Any:
        source, target = self._tokenizers(data, options)
        model = zoo.networks.encoder_decoder(
            len(source.vocabulary),
            len(target.vocabulary),
            embedding_dim=options.embedding_dim,
            **options.recurrence(),
            bidirectional=options.bidirectional,
            attention=None if options.attention == "none" else options.attention,
            input_feeding=options.input_feeding,
            tie_embeddings=options.tie_embeddings,
            share_embeddings=options.share_embeddings,
            dropout=options.dropout,
            name=self.name,
        )
        return zoo.predictors.Translator(model, source, target)

    def _tokenizers(self, data: Any, options: Options) -> tuple[Any, Any]:
        sides = data.train.sources, data.train.targets
        if encoder := zoo.application.transfer.encoder_of(options):
            return encoder.tokenizer, self._tokenizer(sides[1], options)
        if options.share_embeddings:
            both = self._tokenizer((*sides[0], *sides[1]), options)
            return both, both
        return self._tokenizer(sides[0], options), self._tokenizer(sides[1], options)

    @staticmethod
    def _tokenizer(texts: Sequence[str], options: Options) -> Any:
        kind = zoo.predictors.translator.TOKENIZERS[options.level]
        if options.level == "subword":
            return kind.from_texts(texts, options.vocabulary_size)
        if options.level == "word":
            return kind.from_documents(texts, options.vocabulary_size, lowercase=False)
        return kind.from_documents(texts)

    def compile(self, predictor: Any, optimizer: Any, options: Options) -> Any:
        predictor.compile(optimizer, options.label_smoothing)
        return predictor.model

    def predict(self, predictor: Any, inputs: list[str], options: Any) -> list[dict[str, Any]]:
        if options is None:
            return predictor.predict(inputs)
        if options.n_best > options.beams:
            raise UserError(
                f"--n-best {options.n_best} are more than {options.beams} beams find: give "
                f"--beams {options.n_best}"
            )
        names = ("beams", "n_best", "length_penalty", "copy_unknown")
        found = predictor.predict(inputs, **{name: getattr(options, name) for name in names})
        if picture := options.attention_picture:
            self._draw_attention(predictor, inputs[0], found[0]["translation"], picture)
            options.attention_picture = None  # it is of the first text alone
        return found

    def evaluate(self, predictor: Any, examples: Any) -> dict[str, Any]:
        metrics = predictor.evaluate(examples)
        first = examples.take(range(min(_SHOWN, len(examples))))
        found = predictor.predict(first.sources)
        metrics["samples"] = [
            {"source": source, "target": target, "translation": one["translation"]}
            for source, target, one in zip(first.sources, first.targets, found, strict=True)
        ]
        return metrics

    def examples_for(self, metrics: dict[str, Any]) -> Sequence[str]:
        sources = (sample["source"] for sample in metrics["samples"])
        return tuple(sorted(sources, key=lambda text: len(text) > _LINE))  # short ones first

    def fit_baseline(self, data: Any, options: Options) -> Any:
        return zoo.evaluation.baselines.Dictionary.fit(data.train.sources, data.train.targets)

    def load_baseline(self, path: Path, predictor: Any) -> Any:
        return zoo.evaluation.baselines.Dictionary.load(path)

    def pictures(self, metrics: dict[str, Any], predictor: Any, folder: Path) -> list[str]:
        pictures = []
        if "by_source_length" in metrics:
            pictures.append("source_lengths.png")
            curves = {"network": metrics["by_source_length"]}
            if baseline := metrics.get("baseline_by_source_length"):
                curves["word by word"] = baseline
            zoo.evaluation.figures.bleu_by_source_length(curves, folder / pictures[-1])
        if predictor.attends:
            pictures.append("attention.png")
            sample = metrics["samples"][0]
            self._draw_attention(
                predictor, sample["source"], sample["translation"], folder / pictures[-1]
            )
        return pictures

    @staticmethod
    def _draw_attention(predictor: Any, source: str, translation: str, path: str | Path) -> None:
        ((tokens, written, weights),) = predictor.alignments([source], [translation])
        zoo.evaluation.figures.alignment(tokens, written, weights, path)

    def details(self, metrics: dict[str, Any]) -> str:
        lines = [
            f"{metrics['sentences']:,} texts; chrF {metrics['chrf']:.2f}, exact match "
            f"{metrics['exact_match']:.4f}. sacrebleu: `{metrics['bleu_signature']}`."
        ]
        if "baseline_chrf" in metrics:
            lines.append(
                "The baseline translates word by word, with the first IBM model learnt from the "
                f"same pairs: chrF {metrics['baseline_chrf']:.2f}, exact match "
                f"{metrics['baseline_exact_match']:.4f}."
            )
        rows = [
            f"| {s['source']} | {s['target']} | {s['translation']} |" for s in metrics["samples"]
        ]
        lines.append("\n".join(["| source | target | translation |", "|---|---|---|", *rows]))
        if groups := metrics.get("exact_match_by_group"):
            rows = [f"| {name} | {value:.4f} |" for name, value in groups.items()]
            lines.append("\n".join(["| | exact match |", "|---|---|", *rows]))
        return "\n\n".join(lines)

    def show(self, prediction: dict[str, Any]) -> str:
        hypotheses = prediction["hypotheses"]
        if len(hypotheses) < 2:
            return prediction["translation"]
        return "\n".join(f"{h['log_probability']:9.3f}  {h['text']}" for h in hypotheses)


if __name__ == "__main__":
    run(Translation())
