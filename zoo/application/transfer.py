"""What `--encoder` and `--start-from` of tasks that read text mean for a training."""

from collections.abc import Collection, Mapping, Set
from typing import Any

from zoo.application.options import EncoderOptions, TrainingOptions, declared
from zoo.errors import UserError
from zoo.networks import transfer
from zoo.predictors.text_encoder import TextEncoder
from zoo.training.optimizer import Rates, layer_rates

_HEAD = ("logits", "crf")
OF_NETWORK = {"bidirectional", "cell", "layers", "residual", "units"}
OF_NETWORK |= {"dropout", "layer_norm", "remember", "zoneout"}
_OF_TRAINING = {field.name for field in declared(TrainingOptions)} - OF_NETWORK
_KEPT = _OF_TRAINING | {"start_from", "rate_factor", "unfreeze_every", "adversarial"}
_KEPT |= {"context", "elsewhere"}


def encoder_of(options: EncoderOptions) -> TextEncoder | None:
    """The saved models of `--encoder`, None without."""
    if not options.encoder:
        return None
    return TextEncoder.load(options.encoder.split(","), options.encoder_levels)


def follow(options: EncoderOptions, given: Collection[str]) -> None:
    """Fills in the options that follow from the models that others name.

    `given` are the names of the options that the user gave. A UserError refuses one that
    contradicts, or means nothing.
    """
    if getattr(options, "start_from", None):
        refuse(options, set(given) - _KEPT, "the network is that of --start-from")
    elif encoder := encoder_of(options):
        _follow_encoder(options, encoder, given)
    elif alone := {"rate_factor", "unfreeze_every"} & set(given):
        refuse(options, alone, "there are no trained layers without --encoder or --start-from")


def recorded(options: TrainingOptions) -> dict[str, Any]:
    """The options of a run, for its metrics: but for those of a network that it went on from."""
    settings = options.recorded()
    if not (isinstance(options, EncoderOptions) and settings.get("start_from")):
        return settings
    return {name: value for name, value in settings.items() if name in _KEPT}


def _follow_encoder(options: EncoderOptions, encoder: TextEncoder, given: Collection[str]) -> None:
    recurrence = encoder.recurrence
    of_cell = {"remember": None, "layer_norm": False, "zoneout": 0.0} | recurrence["cell_options"]
    follows = {
        **{name: recurrence[name] for name in ("cell", "units", "layers")},
        **of_cell,
        "embedding_dim": encoder.width,
        "residual": False,
        **options.of_encoder(encoder),
    }
    if encoder.backward:
        follows["bidirectional"] = True
    settle(options, follows, given)


def settle(options: TrainingOptions, follows: Mapping[str, Any], given: Collection[str]) -> None:
    """Fills in what follows from `--encoder`; refuses, by a UserError, what contradicts it."""
    for name in sorted(set(given) & follows.keys()):
        if getattr(options, name) != follows[name]:
            told = f"the models of --encoder ask for {name.replace('_', ' ')} {follows[name]}"
            refuse(options, {name}, told)
    vars(options).update(follows)


def refuse(options: TrainingOptions, names: Set[str], reason: str) -> None:
    """Refuses, by a UserError, the first of the options of these names."""
    flags = {field.name: field.flag for field in declared(type(options))}
    for name in sorted(flags.keys() & names):
        raise UserError(f"{reason}: leave {flags[name]} out")


def rates(predictor: Any, options: EncoderOptions, steps: int) -> Rates | None:
    """Gives a network the weights of `--encoder`, and tells at which rates each weight learns.

    `steps` are those of an epoch.
    """
    model = predictor.model
    if encoder := encoder_of(options):
        layers = encoder.give(model, predictor.words, *predictor.encoder_layers)
    elif getattr(options, "start_from", None):
        layers = transfer.layers_from_below(model, _HEAD)
    else:
        return None
    wait = options.unfreeze_every * steps
    return layer_rates(model.trainable_variables, layers, options.rate_factor, wait)
