"""What `--encoder` and `--start-from` of tasks that read words mean for a training."""

from collections.abc import Collection, Set
from typing import Any

from zoo.application.options import TrainingOptions, WordOptions, declared
from zoo.errors import UserError
from zoo.networks import transfer
from zoo.predictors.text_encoder import TextEncoder
from zoo.training.optimizer import Rates, layer_rates

_HEAD = ("logits", "crf")
OF_NETWORK = {"bidirectional", "cell", "layers", "residual", "units"}
OF_NETWORK |= {"dropout", "layer_norm", "remember", "zoneout"}
_OF_TRAINING = {field.name for field in declared(TrainingOptions)} - OF_NETWORK
_KEPT = _OF_TRAINING | {"start_from", "rate_factor", "unfreeze_every", "adversarial"}


def encoder_of(options: WordOptions) -> TextEncoder | None:
    """The saved models of `--encoder`, None without."""
    return _loaded(options.encoder) if options.encoder else None


def _loaded(names: str) -> TextEncoder:
    return TextEncoder.load(names.split(","))


def follow(options: WordOptions, given: Collection[str]) -> None:
    """Fills in the options that follow from the models that others name.

    `given` are the names of the options that the user gave. A UserError refuses one that
    contradicts, or means nothing.
    """
    if options.start_from:
        refuse(options, set(given) - _KEPT, "the network is that of --start-from")
    elif options.encoder:
        _follow_encoder(options, _loaded(options.encoder), given)
    elif alone := {"rate_factor", "unfreeze_every"} & set(given):
        refuse(options, alone, "there are no trained layers without --encoder or --start-from")


def _follow_encoder(options: WordOptions, encoder: TextEncoder, given: Collection[str]) -> None:
    recurrence = encoder.recurrence
    of_cell = {"remember": None, "layer_norm": False, "zoneout": 0.0} | recurrence["cell_options"]
    follows = {
        **{name: recurrence[name] for name in ("cell", "units", "layers")},
        **of_cell,
        "embedding_dim": encoder.width,
        "residual": False,
        "vectors": None,
    }
    if encoder.backward:
        follows["bidirectional"] = True
    if hasattr(options, "vocabulary_size"):
        follows["vocabulary_size"] = len(encoder.vocabulary) - 3
    other = {n for n in set(given) & follows.keys() if getattr(options, n) != follows[n]}
    refuse(options, other, "it follows from --encoder")
    vars(options).update(follows)


def refuse(options: TrainingOptions, names: Set[str], reason: str) -> None:
    """Refuses, by a UserError, the first of the options of these names."""
    flags = {field.name: field.flag for field in declared(type(options))}
    for name in sorted(flags.keys() & names):
        raise UserError(f"{reason}: leave {flags[name]} out")


def rates(predictor: Any, options: WordOptions, steps: int) -> Rates | None:
    """Gives a network the weights of `--encoder`, and tells at which rates each weight learns.

    `steps` are those of an epoch.
    """
    model = predictor.model
    if options.encoder:
        layers = _loaded(options.encoder).give(model, predictor.words)
    elif options.start_from:
        layers = transfer.layers_from_below(model, _HEAD)
    else:
        return None
    wait = options.unfreeze_every * steps
    return layer_rates(model.trainable_variables, layers, options.rate_factor, wait)
