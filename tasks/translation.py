"""Translation by an encoder-decoder with attention: dates in words to ISO dates, English to French.

python -m tasks.translation                                    train on dates, test, save
python -m tasks.translation predict "12 mai 2019" "September 3, 1987"
python -m tasks.translation train --dataset bible_en_fr
python -m tasks.translation lengths saved_models/with saved_models/without --out lengths.png
python -m tasks.translation --help
"""

import click

import zoo
from zoo.application.command_line import run
from zoo.application.command_line.options import OutputFile
from zoo.application.task import Task
from zoo.errors import UserError

# What suits many short strings, and some ten thousands of sentences, on two cores.
_BY_LEVEL = {
    "character": {
        "units": 128,
        "embedding_dim": 64,
        "attention": "additive",
        "dropout": 0.1,
        "label_smoothing": 0.0,
        "batch_size": 128,
        "epochs": 5,
        "learning_rate": 3e-3,
        "share_embeddings": False,
        "tie_embeddings": False,
    },
    "subword": {
        "units": 256,
        "embedding_dim": 256,
        "attention": "multiplicative",
        "dropout": 0.3,
        "label_smoothing": 0.1,
        "batch_size": 64,
        "epochs": 10,
        "learning_rate": 2e-3,
        "share_embeddings": True,
        "tie_embeddings": True,
    },
}
_BY_LEVEL["word"] = _BY_LEVEL["subword"] | {"share_embeddings": False}
_OF_DATASET = {"dates": "character"}  # all others: subwords
_SHOWN = 3  # of the test split, after training and on the card
_LINE = 70  # characters
_ATTENTION = ("additive", "multiplicative", "none")


def _in_words(name):
    """What `--help` says of a default that depends on the level."""

    def shown(value):
        return ("off", "on")[value] if isinstance(value, bool) else value

    return "; ".join(f"{shown(values[name])} for {level}s" for level, values in _BY_LEVEL.items())


class Translation(Task):
    """A text in another language, or another form, word by word."""

    name = "translation"
    summary = "Translation: texts into another language, with attention and beam search."
    predictor = "translator"
    dataset = "dates"
    preset = "translation_bigru_dates"
    predicted_together = 256  # some seconds of work
    metric = "bleu"
    file_formats = "lines of source<TAB>target"
    without = frozenset({"monitor"})
    compared = ("bleu", "chrf", "exact_match", "baseline_bleu")
    verbs = ("compare", "lengths")
    defaults = {  # noqa: RUF012
        "cell": "gru",
        "units": None,
        "layers": 1,
        "dropout": None,
        "epochs": None,
        "patience": 3,
        "batch_size": None,
        "learning_rate": None,
        "clip_norm": 1.0,
    }
    defaults_in_words = {  # noqa: RUF012
        **{name: _in_words(name) for name in _BY_LEVEL["character"]},
        "level": "character for dates, else subword",
    }
    options = (
        click.Option(["--level"], type=click.Choice(list(_BY_LEVEL)), help="What a token is."),
        click.Option(
            ["--vocabulary-size"],
            type=click.IntRange(1),
            default=6000,
            help="Subwords or words that have an id; characters have them all.",
        ),
        click.Option(["--embedding-dim"], type=click.IntRange(1), help="Size of a token's vector."),
        click.Option(
            ["--attention"],
            type=click.Choice(_ATTENTION),
            help="How the decoder looks back at the source.",
        ),
        click.Option(
            ["--input-feeding/--no-input-feeding"],
            default=False,
            help="Let the decoder read what it attended to before; slower.",
        ),
        click.Option(
            ["--tie-embeddings/--no-tie-embeddings"],
            default=None,
            help="Use the target vectors for the logits too.",
        ),
        click.Option(
            ["--share-embeddings/--no-share-embeddings"],
            default=None,
            help="One vocabulary for source and target.",
        ),
        click.Option(
            ["--label-smoothing"],
            type=click.FloatRange(0, 1, max_open=True),
            help="Share of the target that is spread over all tokens.",
        ),
    )
    predict_options = (
        click.Option(
            ["--beams"], type=click.IntRange(1, 100), default=5, help="Hypotheses side by side."
        ),
        click.Option(
            ["--n-best"],
            type=click.IntRange(1, 100),
            default=1,
            help="Show so many translations of each text, with their scores.",
        ),
        click.Option(
            ["--length-penalty"],
            type=click.FloatRange(0),
            default=1.0,
            help="0 compares by probability, 1 by probability per token.",
        ),
        click.Option(
            ["--copy-unknown"],
            is_flag=True,
            help="Copy the word attended to where a model of words has none.",
        ),
        click.Option(
            ["--attention", "attention_picture"],
            type=OutputFile("file"),
            help="PNG of what the decoder looks at, of the first text.",
        ),
    )
    limits = (
        "It knows the kind of text that it was trained on: other texts, names above all, come out "
        "wrong, and fluently so.",
        "A text is translated as one sequence; give sentences, not pages.",
        "A served model takes texts as they are: bring them to Unicode's NFC first, as `predict` "
        "does itself.",
    )

    def resolve(self, settings):
        values = settings.values
        if values["level"] is None:
            corpus = None if values["data"] else values["dataset"] or self.dataset
            values["level"] = _OF_DATASET.get(corpus, "subword")
        for name, value in _BY_LEVEL[settings.level].items():
            if values[name] is None:
                values[name] = value
        if values["input_feeding"] and values["attention"] == "none":
            raise UserError("--input-feeding feeds what was attended to: give an --attention")

    def load_data(self, settings):
        corpus = zoo.datasets.parallel_text
        if settings.data:
            files = (settings.data, settings.validation, settings.test)
            return corpus.from_files(*files, limit=settings.limit)
        return corpus.load(settings.dataset or self.dataset, limit=settings.limit)

    def load_test(self, predictor, settings, metrics):
        corpus = zoo.datasets.parallel_text
        if settings.data:
            return corpus.from_file(settings.data, limit=settings.limit), settings.data
        name = settings.dataset or metrics.get("dataset", self.dataset)
        return corpus.load(name, limit=settings.limit).test, name

    def build(self, data, settings):
        source, target = self._tokenizers(data, settings)
        model = zoo.networks.encoder_decoder(
            len(source.vocabulary),
            len(target.vocabulary),
            embedding_dim=settings.embedding_dim,
            cell=settings.cell,
            units=settings.units,
            layers=settings.layers,
            bidirectional=settings.bidirectional,
            residual=settings.residual,
            attention=None if settings.attention == "none" else settings.attention,
            input_feeding=settings.input_feeding,
            tie_embeddings=settings.tie_embeddings,
            share_embeddings=settings.share_embeddings,
            dropout=settings.dropout,
            name=self.name,
        )
        return zoo.predictors.Translator(model, source, target)

    def _tokenizers(self, data, settings):
        sides = data.train.sources, data.train.targets
        if settings.share_embeddings:
            both = self._tokenizer((*sides[0], *sides[1]), settings)
            return both, both
        return tuple(self._tokenizer(texts, settings) for texts in sides)

    @staticmethod
    def _tokenizer(texts, settings):
        kind = zoo.predictors.translator.TOKENIZERS[settings.level]
        if settings.level == "subword":
            return kind.from_texts(texts, settings.vocabulary_size)
        if settings.level == "word":
            return kind.from_documents(texts, settings.vocabulary_size, lowercase=False)
        return kind.from_documents(texts)

    def compile(self, predictor, optimizer, settings):
        predictor.compile(optimizer, settings.label_smoothing)
        return predictor.model

    def batches(self, predictor, examples, settings, shuffle):
        return predictor.batches(examples, settings.batch_size, shuffle=shuffle, seed=settings.seed)

    def predict(self, predictor, inputs, settings):
        if settings is None:
            return predictor.predict(inputs)
        if settings.n_best > settings.beams:
            raise UserError(
                f"--n-best {settings.n_best} are more than {settings.beams} beams find: give "
                f"--beams {settings.n_best}"
            )
        names = ("beams", "n_best", "length_penalty", "copy_unknown")
        found = predictor.predict(inputs, **{name: settings.values[name] for name in names})
        if picture := settings.values.pop("attention_picture", None):  # of the first text alone
            self._draw_attention(predictor, inputs[0], found[0]["translation"], picture)
        return found

    def evaluate(self, predictor, examples):
        metrics = predictor.evaluate(examples)
        first = examples.take(range(min(_SHOWN, len(examples))))
        found = predictor.predict(first.sources)
        metrics["samples"] = [
            {"source": source, "target": target, "translation": one["translation"]}
            for source, target, one in zip(first.sources, first.targets, found, strict=True)
        ]
        return metrics

    def examples_for(self, metrics):
        sources = (sample["source"] for sample in metrics["samples"])
        return tuple(sorted(sources, key=lambda text: len(text) > _LINE))  # short ones first

    def fit_baseline(self, data, settings):
        return zoo.evaluation.baselines.Dictionary.fit(data.train.sources, data.train.targets)

    def load_baseline(self, path, predictor):
        return zoo.evaluation.baselines.Dictionary.load(path)

    def evaluate_baseline(self, baseline, examples):
        found = baseline.translate(examples.sources)
        of = (examples.sources, examples.targets, examples.groups)
        metrics = zoo.evaluation.translation.translation_metrics(found, *of)
        names = ("bleu", "chrf", "exact_match", "by_source_length")
        return {name: metrics[name] for name in names if name in metrics}

    def draw(self, metrics, predictor, folder):
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
        return tuple(pictures)

    @staticmethod
    def _draw_attention(predictor, source, translation, path):
        (alignment,) = predictor.alignments([source], [translation])
        zoo.evaluation.figures.alignment(*alignment, path)

    def details(self, metrics):
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

    def show(self, prediction):
        hypotheses = prediction["hypotheses"]
        if len(hypotheses) < 2:
            return prediction["translation"]
        return "\n".join(f"{h['log_probability']:9.3f}  {h['text']}" for h in hypotheses)


if __name__ == "__main__":
    run(Translation())
