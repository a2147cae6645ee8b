"""Named entities in text: many-to-many, one tag for each token.

python -m tasks.ner                                     train on CoNLL-2003, test, save
python -m tasks.ner predict "Theodore Roosevelt was a great President"
python -m tasks.ner --help
"""

import click

import zoo
from zoo.application.command_line import run
from zoo.application.command_line.options import OutputFile, Text
from zoo.application.task import Published, Task

_COLOURS = ("green", "yellow", "cyan", "magenta", "blue", "red")


class NamedEntities(Task):
    """Sequence tagging with a recurrent network and a CRF; any types of entities."""

    name = "ner"
    summary = "Named entities in text: a recurrent tagger with a CRF, many-to-many."
    predictor = "entity_tagger"
    dataset = "conll2003_english"
    preset = "ner_bilstm_conll2003"
    metric = "f1"
    file_formats = "a column file, token first and tag last, as CoNLL's"
    defaults = {  # noqa: RUF012
        "cell": "lstm",
        "units": 150,
        "layers": 1,
        "dropout": 0.5,
        "epochs": 15,
        "patience": 5,
        "monitor": "f1",
        "batch_size": 16,
        "learning_rate": 1.5e-3,
        "clip_norm": 5.0,
    }
    options = (
        click.Option(
            ["--head"],
            type=click.Choice(["crf", "softmax"]),
            default="crf",
            help="Tags scored as a chain, or each by itself.",
        ),
        click.Option(
            ["--characters"],
            type=click.Choice(["recurrent", "convolutional", "none"]),
            default="recurrent",
            help="How words are read by their characters.",
        ),
        click.Option(
            ["--character-units"],
            type=click.IntRange(1),
            default=50,
            help="Units that read characters, in each direction.",
        ),
        click.Option(
            ["--embedding-dim"],
            type=click.IntRange(1),
            default=100,
            help="Size of the word vectors; with --vectors that of the file.",
        ),
        click.Option(
            ["--vectors"],
            type=Text("file"),
            help="Pretrained word vectors, in the text form of word2vec or GloVe.",
        ),
        click.Option(
            ["--word-dropout"],
            type=click.FloatRange(0, 1, max_open=True),
            default=0.25,
            help="Fraction of words replaced by <UNK> in training.",
        ),
    )
    predict_options = (
        click.Option(
            ["--html"], type=OutputFile("file"), help="Write a page with the entities highlighted."
        ),
    )
    examples = (
        "Theodore Roosevelt was a great President",
        "The European Commission in Brussels rejected the German proposal.",
    )
    published = {  # noqa: RUF012
        name: (
            Published("BLSTM-CNN-CRF, random vectors (Ma & Hovy 2016)", "0.808"),
            Published("BiLSTM-CRF with characters (Lample et al. 2016)", "0.836"),
            Published("the same with GloVe vectors (NCRF++, Yang & Zhang 2018)", "0.912"),
        )
        for name in ("conll2003_english", "conll2003")
    }
    limits = (
        "Trained on news agency text of 1996, in English, with its capitals; other text, other "
        "spelling of names and other times are beyond that.",
        "The types are those of the training data and no others; whoever is called by a name that "
        "the training data know otherwise is tagged wrongly.",
        "Not a means of finding or tracing people.",
    )

    def load_data(self, settings):
        corpus = zoo.datasets.sequence_tagging
        if settings.data:
            files = (settings.data, settings.validation, settings.test)
            data = corpus.from_files(*files, limit=settings.limit)
        else:
            data = corpus.load(settings.dataset or self.dataset, limit=settings.limit)
        _require_entities(data, settings.monitor)
        return data

    def load_test(self, predictor, settings, metrics):
        corpus = zoo.datasets.sequence_tagging
        if settings.data:
            sentences = corpus.from_file(settings.data, predictor.tag_names, limit=settings.limit)
            return sentences, settings.data
        name = settings.dataset or metrics.get("dataset", self.dataset)
        data = corpus.load(name, limit=settings.limit)
        if unknown := set(data.tag_names) - set(predictor.tag_names):
            raise zoo.errors.UserError(
                f"{name} has the tags {', '.join(sorted(unknown))}, the model only "
                f"{', '.join(predictor.tag_names)}: give another --dataset"
            )
        return data.test, name

    def build(self, data, settings):
        vectors = zoo.text.word_vectors.read(settings.vectors) if settings.vectors else None
        encoder = zoo.text.token_features.TokenEncoder.from_sentences(
            data.train.tokens, more_words=vectors.words if vectors else ()
        )
        characters = settings.characters != "none"
        model = zoo.networks.many_to_many(
            len(encoder.words),
            len(data.tag_names),
            characters=len(encoder.characters) if characters else None,
            longest_word=encoder.longest_word,
            character_kind=settings.characters if characters else "recurrent",
            character_units=settings.character_units,
            shapes=len(zoo.text.token_features.SHAPES) + 2,
            embedding_dim=vectors.dimension if vectors else settings.embedding_dim,
            cell=settings.cell,
            units=settings.units,
            layers=settings.layers,
            bidirectional=settings.bidirectional,
            residual=settings.residual,
            word_dropout=settings.word_dropout,
            dropout=settings.dropout,
            head=settings.head,
            allowed=zoo.text.tags.allowed_transitions(data.tag_names),
            name=self.name,
        )
        if vectors:
            vectors.assign(model.get_layer("embedding"), encoder.words)
        return zoo.predictors.EntityTagger(model, encoder, data.tag_names)

    def batches(self, predictor, examples, settings, shuffle):
        return predictor.batches(examples, settings.batch_size, shuffle, settings.seed)

    def evaluate(self, predictor, examples):
        return predictor.evaluate(examples)

    def fit_baseline(self, data, settings):
        return zoo.evaluation.baselines.MostFrequentTag.fit(data.train)

    def load_baseline(self, path, predictor):
        return zoo.evaluation.baselines.MostFrequentTag.load(path)

    def evaluate_baseline(self, baseline, examples):
        figures = zoo.evaluation.tagging.tagging_metrics(examples.tags, baseline.tag(examples))
        return {name: figures[name] for name in ("f1", "precision", "recall", "token_accuracy")}

    def details(self, metrics):
        rows = [
            f"| {name} | {row['precision']:.4f} | {row['recall']:.4f} | {row['f1']:.4f} "
            f"| {row['support']:,} |"
            for name, row in metrics["per_type"].items()
        ]
        head = ("| type | precision | recall | F1 | spans |", "|---|---|---|---|---|")
        return "\n".join((*head, *rows))

    def show(self, prediction):
        text, at, parts = prediction["input"], 0, []
        for entity in prediction["entities"]:
            colour = _COLOURS[ord(entity["type"][0]) % len(_COLOURS)]
            name = click.style(f"[{entity['text']} {entity['type']}]", fg=colour, bold=True)
            parts += [text[at : entity["start"]], name]
            at = entity["end"]
        return " ".join("".join((*parts, text[at:])).split())

    def recorded(self, predictions, settings):
        if not settings.html:
            return predictions
        return zoo.evaluation.highlights.recorded(predictions, settings.html)


def _require_entities(data, monitor):
    """Refuses a split whose every tag is O, if nothing could be learnt from it or judged by it."""
    splits = {"training": data.train} | ({"validation": data.validation} if monitor == "f1" else {})
    for name, sentences in splits.items():
        if all(tag == "O" for tags in sentences.tags for tag in tags):
            raise zoo.errors.UserError(
                f"{data.name}: there is no entity in the {name} split, of {len(sentences):,} "
                "sentences: give more of them (a higher --limit, if you set one)"
            )


if __name__ == "__main__":
    run(NamedEntities())
