"""Sentiment of a text: many-to-one.

python -m tasks.sentiment                        train on movie-review snippets, test, save
python -m tasks.sentiment predict "Loved it."    use the model that ships
python -m tasks.sentiment vectors --dataset imdb_reviews --out reviews.vec
python -m tasks.sentiment train --vectors reviews.vec
python -m tasks.sentiment --help
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zoo
from zoo.application import Card, ClassificationTask, Published, Verb, option
from zoo.application.command_line import run
from zoo.application.options import DataOptions, WordOptions, seed_option
from zoo.application.task import Output

_DEVIATION = 0.1  # of the values of pretrained vectors, whatever it is in their file


@dataclass
class Options(WordOptions):
    """What `train` takes."""

    epochs: int = 12
    patience: int = 5
    monitor: str = option("accuracy", choices=("loss", "accuracy"))
    vocabulary_size: int = option(
        10_000, "The most frequent words that get a vector of their own.", least=1
    )
    max_length: int = option(
        400, "Most tokens of a text; a longer one loses its beginning.", least=2
    )
    adversarial: float = 0.05
    pooling: str = option(
        "max", "How the steps become one vector.", choices=("max", "mean", "mean-max", "last")
    )
    embedding_dropout: float | None = option(
        None,
        "Fraction of the features of words set to 0 in training.  [default: as --dropout]",
        least=0,
        below=1,
    )

    def of_encoder(self, encoder: Any) -> dict[str, Any]:
        return super().of_encoder(encoder) | {"vocabulary_size": len(encoder.vocabulary) - 3}


@dataclass
class VectorsOptions(DataOptions):
    """What `vectors` takes."""

    validation = test = None  # a corpus is read, whose training split is all that counts
    dimension: int = option(100, "Size of a vector.", least=1)
    epochs: int = option(10, "Passes over the text.", least=1)
    least: int = option(3, "How often a word occurs that gets a vector.", least=1)
    seed: int = seed_option(1, "Of the first vectors, and of what is drawn.")
    out: str = option(None, "File of the vectors.", file=True, required=True)


def vectors(task: "Sentiment", options: VectorsOptions, output: Output) -> dict[str, Any]:
    """Learns word vectors from the training texts, for `train --vectors`."""
    options.require_one_corpus()
    data = task.load_data(options)
    tokenizer = zoo.text.words.WordTokenizer(zoo.text.vocabularies.Vocabulary(()))
    words = tokenizer.tokenize(data.train.texts)[:, :-1]  # without <EOS>
    sentences = [[word.decode() for word in text] for text in words.to_list()]
    names = ("dimension", "epochs", "least", "seed")
    settings = {name: getattr(options, name) for name in names}
    found = zoo.text.word_vectors.learn(sentences, **settings)
    found.write(options.out)
    result = {
        "vectors": str(options.out),
        "words": len(found.words),
        "dimension": found.dimension,
        "dataset": data.name,
        "tokens": sum(map(len, sentences)),
    }
    output.line(
        f"{options.out}: vectors of {result['words']:,} words, from {result['tokens']:,} of "
        f"{data.name}"
    )
    return result


class Sentiment(ClassificationTask):
    """Text classification with a recurrent network; any number of classes."""

    name = "sentiment"
    summary = "Sentiment of a text: a recurrent classifier, many-to-one."
    corpus = "text_classification"
    dataset = "movie_snippets"
    predictor = "text_classifier"
    preset = "sentiment_bilstm_movie_snippets"
    options = Options
    verbs = (Verb(vectors, "Learn word vectors for `train --vectors`.", (VectorsOptions,)),)
    card = Card(
        limits=(
            "Tested on texts like those it was trained on. Other kinds of text, other languages, "
            "irony and quotations of opinions that are not the writer's are beyond that.",
            "Every text gets one of the labels, a neutral one too. Probabilities hold for texts "
            "like those of the validation data; `familiar` tells which have too many other words.",
            "Not a means of judging people by what they write.",
        ),
        examples=(
            "A moving, funny and beautifully acted film.",
            "Two hours of my life that I will never get back.",
            "It is not nearly as bad as the trailer made me fear.",
        ),
        published={
            "imdb_reviews": (
                Published("BiLSTM, Keras code example", "0.843"),
                Published("LSTM (Dai & Le 2015)", "0.865"),
                Published("one-hot BiLSTM with pooling (Johnson & Zhang 2016)", "0.919"),
                Published("SA-LSTM, pretrained (Dai & Le 2015)", "0.928"),
                Published("three-layer LSTM, pretrained (Howard & Ruder 2018)", "0.954"),
            ),
        },
    )

    def build(self, data: Any, options: Options) -> Any:
        if options.start_from:
            saved = zoo.application.workflow.load(self, options.start_from, "--start-from")
            return saved.relabelled(data.label_names, options.adversarial)
        vectors = zoo.text.word_vectors.read(options.vectors) if options.vectors else None
        words, longest = zoo.text.words.WordTokenizer, options.max_length
        if encoder := zoo.application.transfer.encoder_of(options):
            tokenizer = words(encoder.vocabulary, encoder.lowercase, longest)
        else:
            tokenizer = words.from_texts(
                data.train.texts, options.vocabulary_size, max_length=longest
            )
        dropout = options.embedding_dropout
        dropout = options.dropout if dropout is None else dropout
        model = zoo.networks.many_to_one(
            len(tokenizer.vocabulary),
            len(data.label_names),
            embedding_dim=vectors.dimension if vectors else options.embedding_dim,
            **options.recurrence(),
            bidirectional=options.bidirectional,
            pooling=options.pooling,
            word_dropout=options.word_dropout,
            adversarial=options.adversarial,
            embedding_dropout=dropout,
            dropout=options.dropout,
            name=self.name,
        )
        if vectors:
            vectors.assign(model.get_layer("embedding"), tokenizer.vocabulary, _DEVIATION)
        return zoo.predictors.TextClassifier(model, tokenizer, data.label_names)

    def batches(self, predictor: Any, examples: Any, options: Options, shuffle: bool) -> Any:
        return predictor.batches(
            examples.texts, examples.labels, options.batch_size, shuffle=shuffle, seed=options.seed
        )

    def evaluate(self, predictor: Any, examples: Any) -> dict[str, Any]:
        metrics = predictor.evaluate(examples.texts, examples.labels)
        if set(predictor.label_names) == {"neg", "pos"}:
            challenges = zoo.evaluation.challenges.challenge_metrics(predictor.predict)
            metrics["challenges"] = challenges
        return metrics

    def details(self, metrics: dict[str, Any]) -> str:
        if "challenges" not in metrics:
            return ""
        right = metrics["challenges"]
        return (
            f"Texts made to be hard, none of them in any corpus: accuracy {right['negation']:.2f} "
            f"on 20 with a negation, {right['contrast']:.2f} on 10 with a contrast, where chance "
            f"has 0.50. Of 8 neutral ones {right['neutral']:.2f} get no label with 0.75 or more, "
            f"of those 30 {right['undecided']:.2f}."
        )

    def fit_baseline(self, data: Any, options: Options) -> Any:
        return zoo.evaluation.baselines.LinearTextBaseline.fit(data.train.texts, data.train.labels)

    def load_baseline(self, path: Path, predictor: Any) -> Any:
        return zoo.evaluation.baselines.LinearTextBaseline.load(path)

    def show(self, prediction: dict[str, Any]) -> str:
        text = " ".join(prediction["input"].split())
        return f"{prediction['label']:>8} {prediction['probability']:.3f}  {text}"


if __name__ == "__main__":
    run(Sentiment())
