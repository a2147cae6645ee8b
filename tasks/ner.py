"""Named entities in text: many-to-many, one tag for each token.

python -m tasks.ner                                     train on CoNLL-2003, test, save
python -m tasks.ner predict "Theodore Roosevelt was a great President"
python -m tasks.ner --help
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zoo
from zoo.application import Card, Metric, Published, Rows, Task, option
from zoo.application.command_line import run
from zoo.application.command_line.terminal import coloured
from zoo.application.options import ModelOptions, WordOptions
from zoo.errors import UserError

_ENTITY = {"type": "", "text": "", "start": 0, "end": 0, "probability": 0.5}
_COLOURS = ("green", "yellow", "cyan", "magenta", "blue", "red")


@dataclass
class Options(WordOptions):
    """What `train` takes."""

    units: int = 150
    epochs: int = 15
    patience: int = 5
    monitor: str = option("f1", choices=("loss", "f1"))
    batch_size: int = 16
    learning_rate: float = 1.5e-3
    clip_norm: float = 5.0
    head: str = option(
        "crf", "Tags scored as a chain, or each by itself.", choices=("crf", "softmax")
    )
    characters: str = option(
        "recurrent",
        "How words are read by their characters.",
        choices=("recurrent", "convolutional", "none"),
    )
    context: str | None = option(
        None,
        "What is read at a time: a sentence, or all of a document where its borders are known.  "
        "[default: sentence, or that of --start-from]",
        choices=("sentence", "document"),
    )
    elsewhere: bool = option(
        False, "Show each word what is made of it elsewhere in the text; needs --characters."
    )
    character_units: int = option(50, "Units that read characters, in each direction.", least=1)
    word_dropout: float = 0.25

    def resolve(self) -> None:
        super().resolve()
        if self.elsewhere and self.characters == "none":
            raise UserError("--elsewhere needs --characters, by which it tells unknown words apart")


@dataclass
class PredictOptions(ModelOptions):
    """What `predict` takes."""

    html: str | None = option(None, "Write a page with the entities highlighted.", file=True)


class NamedEntities(Task):
    """Sequence tagging with a recurrent network and a CRF; any types of entities."""

    name = "ner"
    summary = "Named entities in text: a recurrent tagger with a CRF, many-to-many."
    corpus = "sequence_tagging"
    files = "a column file, token first and tag last, as CoNLL's"
    dataset = "conll2003_english"
    predictor = "entity_tagger"
    preset = "ner_bilstm_conll2003"
    metric = Metric("f1")
    rows = Rows(answer={"entities": [_ENTITY], "familiar": True})
    options = Options
    predict_options = PredictOptions
    card = Card(
        limits=(
            "Trained on news agency text of 1996, in English, with its capitals; other text, other "
            "spelling of names and other times are beyond that.",
            "The types are those of the training data and no others; whoever is called by a name "
            "that the training data know otherwise is tagged wrongly.",
            "Not a means of finding or tracing people.",
        ),
        examples=(
            "Theodore Roosevelt was a great President",
            "The European Commission in Brussels rejected the German proposal.",
        ),
        published={
            name: (
                Published("BLSTM-CNN-CRF, random vectors (Ma & Hovy 2016)", "0.808"),
                Published("BiLSTM-CRF with characters (Lample et al. 2016)", "0.836"),
                Published("the same with GloVe vectors (NCRF++, Yang & Zhang 2018)", "0.912"),
            )
            for name in ("conll2003_english", "conll2003")
        },
    )

    def load_data(self, options: Options) -> Any:
        data = super().load_data(options)
        _require_entities(data, options.monitor)
        return data

    def labels(self, predictor: Any) -> tuple[Any, ...]:
        return (predictor.tag_names,)

    def check_labels(self, predictor: Any, data: Any) -> None:
        if unknown := set(data.tag_names) - set(predictor.tag_names):
            raise UserError(
                f"{data.name} has the tags {', '.join(sorted(unknown))}, the model only "
                f"{', '.join(predictor.tag_names)}: give another --dataset"
            )

    def build(self, data: Any, options: Options) -> Any:
        if options.start_from:
            saved = zoo.application.workflow.load(self, options.start_from, "--start-from")
            return saved.relabelled(
                data.tag_names, options.context, options.elsewhere, options.adversarial
            )
        vectors = zoo.text.word_vectors.read(options.vectors) if options.vectors else None
        pretrained = zoo.application.transfer.encoder_of(options)
        more_words: Sequence[str] = vectors.words if vectors else ()
        if pretrained:
            more_words = zoo.text.token_features.normalized(pretrained.vocabulary.tokens[3:])
        encoder = zoo.text.token_features.TokenEncoder.from_sentences(
            data.train.tokens, more_words=more_words
        )
        characters = options.characters != "none"
        model = zoo.networks.many_to_many(
            len(encoder.words),
            len(data.tag_names),
            characters=len(encoder.characters) if characters else None,
            longest_word=encoder.longest_word,
            character_kind=options.characters if characters else "recurrent",
            character_units=options.character_units,
            shapes=len(zoo.text.token_features.SHAPES) + 2,
            embedding_dim=vectors.dimension if vectors else options.embedding_dim,
            **options.recurrence(),
            elsewhere=options.elsewhere,
            bidirectional=options.bidirectional,
            word_dropout=options.word_dropout,
            dropout=options.dropout,
            adversarial=options.adversarial,
            head=options.head,
            allowed=zoo.text.tags.allowed_transitions(data.tag_names),
            name=self.name,
        )
        if vectors:
            vectors.assign(model.get_layer("embedding"), encoder.words)
        context = options.context or "sentence"
        return zoo.predictors.EntityTagger(model, encoder, data.tag_names, context)

    def fit_baseline(self, data: Any, options: Options) -> Any:
        return zoo.evaluation.baselines.MostFrequentTag.fit(data.train)

    def load_baseline(self, path: Path, predictor: Any) -> Any:
        return zoo.evaluation.baselines.MostFrequentTag.load(path)

    def details(self, metrics: dict[str, Any]) -> str:
        rows = [
            f"| {name} | {row['precision']:.4f} | {row['recall']:.4f} | {row['f1']:.4f} "
            f"| {row['support']:,} |"
            for name, row in metrics["per_type"].items()
        ]
        head = ("| type | precision | recall | F1 | spans |", "|---|---|---|---|---|")
        return "\n".join((*head, *rows))

    def show(self, prediction: dict[str, Any]) -> str:
        text, at = prediction["input"], 0
        parts: list[str] = []
        for entity in prediction["entities"]:
            colour = _COLOURS[ord(entity["type"][0]) % len(_COLOURS)]
            name = coloured(f"[{entity['text']} {entity['type']}]", colour)
            parts += [text[at : entity["start"]], name]
            at = entity["end"]
        return " ".join("".join((*parts, text[at:])).split())

    def finish(self, predictions: Iterable[Any], options: PredictOptions) -> Iterable[Any]:
        if not options.html:
            return predictions
        return zoo.evaluation.highlights.recorded(predictions, options.html)


def _require_entities(data: Any, monitor: str) -> None:
    """Refuses a split whose every tag is O, if nothing could be learnt from it or judged by it."""
    splits = {"training": data.train} | ({"validation": data.validation} if monitor == "f1" else {})
    for name, sentences in splits.items():
        if all(tag == "O" for tags in sentences.tags for tag in tags):
            raise UserError(
                f"{data.name}: there is no entity in the {name} split, of {len(sentences):,} "
                "sentences: give more of them (a higher --limit, if you set one)"
            )


if __name__ == "__main__":
    run(NamedEntities())
