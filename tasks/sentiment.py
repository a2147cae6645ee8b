"""Sentiment of a text: many-to-one.

python -m tasks.sentiment                        train on movie-review snippets, test, save
python -m tasks.sentiment predict "Loved it."    use the model that ships
python -m tasks.sentiment vectors --dataset imdb_reviews --out reviews.vec
python -m tasks.sentiment train --vectors reviews.vec
python -m tasks.sentiment --help
"""

import click

import zoo
from zoo.application.command_line import run
from zoo.application.command_line.options import Text
from zoo.application.task import Published, Task

_DEVIATION = 0.1  # of the values of pretrained vectors, whatever it is in their file


class Sentiment(Task):
    """Text classification with a recurrent network; any number of classes."""

    name = "sentiment"
    summary = "Sentiment of a text: a recurrent classifier, many-to-one."
    predictor = "text_classifier"
    dataset = "movie_snippets"
    preset = "sentiment_bilstm_movie_snippets"
    defaults = {  # noqa: RUF012
        "cell": "lstm",
        "units": 64,
        "layers": 1,
        "dropout": 0.5,
        "epochs": 12,
        "patience": 5,
        "monitor": "accuracy",
        "batch_size": 64,
        "learning_rate": 1e-3,
        "clip_norm": 1.0,
    }
    options = (
        click.Option(
            ["--vocabulary-size"],
            type=click.IntRange(1),
            default=10_000,
            help="The most frequent words that get a vector of their own.",
        ),
        click.Option(
            ["--max-length"],
            type=click.IntRange(2),
            default=400,
            help="Most tokens of a text; a longer one loses its beginning.",
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
            default=0.3,
            help="Fraction of words replaced by <UNK> in training.",
        ),
        click.Option(
            ["--adversarial"],
            type=click.FloatRange(0),
            default=0.05,
            help="Size of the changes of word vectors in adversarial training, 0 for none.",
        ),
        click.Option(
            ["--pooling"],
            type=click.Choice(["max", "mean", "last"]),
            default="max",
            help="How the steps become one vector.",
        ),
    )
    examples = (
        "A moving, funny and beautifully acted film.",
        "Two hours of my life that I will never get back.",
        "It is not nearly as bad as the trailer made me fear.",
    )
    verbs = ("vectors",)
    published = {  # noqa: RUF012
        "imdb_reviews": (
            Published("BiLSTM, Keras code example", "0.843"),
            Published("LSTM (Dai & Le 2015)", "0.865"),
            Published("one-hot BiLSTM with pooling (Johnson & Zhang 2016)", "0.919"),
        ),
    }
    limits = (
        "Tested on texts like those it was trained on. Other kinds of text, other languages, irony "
        "and quotations of opinions that are not the writer's are beyond that.",
        "Every text gets one of the labels, a neutral one too, with a probability that is not "
        "calibrated.",
        "Not a means of judging people by what they write.",
    )

    def load_data(self, settings):
        corpus = zoo.datasets.text_classification
        if settings.data:
            files = (settings.data, settings.validation, settings.test)
            return corpus.from_files(*files, limit=settings.limit)
        return corpus.load(settings.dataset or self.dataset, limit=settings.limit)

    def load_test(self, predictor, settings, metrics):
        corpus = zoo.datasets.text_classification
        if settings.data:
            examples = corpus.from_file(settings.data, predictor.label_names, limit=settings.limit)
            return examples, settings.data
        name = settings.dataset or metrics.get("dataset", self.dataset)
        data = corpus.load(name, limit=settings.limit)
        if data.label_names != predictor.label_names:
            raise zoo.errors.UserError(
                f"{name} has the labels {', '.join(data.label_names)}, "
                f"the model {', '.join(predictor.label_names)}: give another --dataset"
            )
        return data.test, name

    def build(self, data, settings):
        vectors = zoo.text.word_vectors.read(settings.vectors) if settings.vectors else None
        tokenizer = zoo.text.words.WordTokenizer.from_texts(
            data.train.texts, settings.vocabulary_size, max_length=settings.max_length
        )
        model = zoo.networks.many_to_one(
            len(tokenizer.vocabulary),
            len(data.label_names),
            embedding_dim=vectors.dimension if vectors else settings.embedding_dim,
            cell=settings.cell,
            units=settings.units,
            layers=settings.layers,
            bidirectional=settings.bidirectional,
            residual=settings.residual,
            pooling=settings.pooling,
            word_dropout=settings.word_dropout,
            adversarial=settings.adversarial,
            embedding_dropout=settings.dropout,
            dropout=settings.dropout,
            name=self.name,
        )
        if vectors:
            vectors.assign(model.get_layer("embedding"), tokenizer.vocabulary, _DEVIATION)
        return zoo.predictors.TextClassifier(model, tokenizer, data.label_names)

    def sentences(self, data):
        tokenizer = zoo.text.words.WordTokenizer(zoo.text.vocabularies.Vocabulary(()))
        words = tokenizer.tokenize(data.train.texts)[:, :-1]  # without <EOS>
        return [[word.decode() for word in text] for text in words.to_list()]

    def batches(self, predictor, examples, settings, shuffle):
        return zoo.datasets.batches.by_length.BucketedBatches(
            predictor.tokenizer.ragged(examples.texts),
            examples.labels,
            batch_size=settings.batch_size,
            shuffle=shuffle,
            seed=settings.seed,
        )

    def evaluate(self, predictor, examples):
        return predictor.evaluate(examples.texts, examples.labels)

    def fit_baseline(self, data, settings):
        return zoo.evaluation.baselines.LinearTextBaseline.fit(data.train.texts, data.train.labels)

    def load_baseline(self, path, predictor):
        return zoo.evaluation.baselines.LinearTextBaseline.load(path)

    def evaluate_baseline(self, baseline, examples):
        return {"accuracy": baseline.accuracy(examples.texts, examples.labels)}

    def draw(self, metrics, predictor, folder):
        name = "confusion_matrix.png"
        zoo.evaluation.figures.confusion_matrix(
            metrics["confusion_matrix"], predictor.label_names, folder / name
        )
        return (name,)

    def show(self, prediction):
        text = " ".join(prediction["input"].split())
        return f"{prediction['label']:>8} {prediction['probability']:.3f}  {text}"


if __name__ == "__main__":
    run(Sentiment())
