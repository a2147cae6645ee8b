"""Saved language models as the encoder of a network that reads the same kind of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from zoo.errors import UserError, told_of
from zoo.networks import transfer
from zoo.predictors import presets
from zoo.predictors.language_model import LanguageModel
from zoo.text.special_tokens import UNKNOWN_ID
from zoo.text.token_features import normalized
from zoo.text.vocabularies import Vocabulary


@dataclass(frozen=True)
class TextEncoder:
    """A language model, or two of the same tokens that read in both directions.

    Attributes:
        forward, backward: the models; one of them may be None.
    """

    forward: LanguageModel | None
    backward: LanguageModel | None

    @classmethod
    def load(cls, names: Sequence[str], levels: Sequence[str] = ("word",)) -> "TextEncoder":
        """The encoder of saved models, whose tokens are of one of these levels.

        A UserError says that they are not models for one.
        """
        models: dict[str, LanguageModel] = {}
        for name in names:
            with told_of("--encoder"):
                model = _checked(name, levels)
            direction = "backward" if model.backward else "forward"
            if direction in models:
                raise UserError(
                    f"--encoder: two models read {direction}: give one for each direction"
                )
            models[direction] = model
        if len(models) > 1:
            _check_alike(names, *models.values())
        return cls(models.get("forward"), models.get("backward"))

    @property
    def models(self) -> list[LanguageModel]:
        """Those that there are, forward first."""
        return [model for model in (self.forward, self.backward) if model]

    @property
    def vocabulary(self) -> Vocabulary:
        return self.models[0].tokenizer.vocabulary

    @property
    def tokenizer(self) -> Any:
        """What turns text into the ids that are read, from left to right."""
        tokenizer = self.models[0].tokenizer
        config = tokenizer.get_config() | {"backward": False}
        return type(tokenizer).from_config(config, tokenizer.vocabulary)

    @property
    def level(self) -> str:
        """What a token is: "word" or "character"."""
        return self.models[0].level

    @property
    def lowercase(self) -> bool:
        """Whether words are looked up in lower case."""
        return self.models[0].tokenizer.lowercase

    @property
    def recurrence(self) -> dict[str, Any]:
        """What the recurrence of a network has to be: `cell`, `units`, `layers`, `cell_options`."""
        return _recurrence(self.models[0])

    @property
    def width(self) -> int:
        """The size of the vectors that a network has to have."""
        vectors, _ = transfer.joined_vectors([model.model for model in self.models])
        return vectors.shape[1]

    def give(
        self, model: keras.Model, words: Vocabulary, *layers: str
    ) -> list[list[keras.Variable]]:
        """Gives a network vectors and recurrence: see `zoo.networks.transfer.take_over`.

        A word of the network that is none of the language models' begins as `<UNK>`. One that is
        looked up in another form (`token_features.normalized`) has the vector of the most frequent
        word of that form. `layers` are the names of the network's layers that are given vectors and
        recurrence.
        """
        ids: dict[str, int] = {}
        for index, word in enumerate(normalized(self.vocabulary.tokens)):
            ids.setdefault(word, index)
        ids |= {word: index for index, word in enumerate(self.vocabulary.tokens)}
        rows = np.array([ids.get(word, UNKNOWN_ID) for word in words.tokens])
        forward = self.forward and self.forward.model
        backward = self.backward and self.backward.model
        return transfer.take_over(model, forward, backward, rows, *layers)


def _recurrence(model: LanguageModel) -> dict[str, Any]:
    config = model.model.get_layer("recurrence").get_config()
    return {name: config[name] for name in ("cell", "units", "layers", "cell_options")}


def _checked(name: str, levels: Sequence[str]) -> LanguageModel:
    model = presets.load(name)
    if not isinstance(model, LanguageModel):
        raise UserError(f"{name} is no language model: train one on text without labels")
    if model.level not in levels:
        known = " or ".join(f"{level}s" for level in levels)
        raise UserError(f"{name} reads {model.level}s, not {known}")
    if transfer.vectors_of(model.model) is None:
        raise UserError(f"{name} has no token vectors (--embedding-dim 0)")
    if model.model.get_layer("recurrence").residual:
        raise UserError(f"{name} has residual layers, which two directions cannot share")
    return model


def _check_alike(names: Sequence[str], one: LanguageModel, other: LanguageModel) -> None:
    texts = [{**model.tokenizer.get_config(), "backward": False} for model in (one, other)]
    if one.tokenizer.vocabulary != other.tokenizer.vocabulary or texts[0] != texts[1]:
        raise UserError(
            f"--encoder: {' and '.join(names)} know other tokens: train the second with "
            f"`--encoder {names[0]}`"
        )
    sizes, others = _recurrence(one), _recurrence(other)
    for size, value in sizes.items():
        if others[size] != value:
            raise UserError(
                f"--encoder: {' and '.join(names)} have {value} and {others[size]} as {size}: "
                "give two of one size"
            )
