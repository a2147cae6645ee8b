"""Networks, one file per shape of sequence problem."""

from zoo.networks import transfer
from zoo.networks.adversarial import AdversarialModel
from zoo.networks.chord_model import chord_model
from zoo.networks.chord_rules import ChordRules
from zoo.networks.clips import Clips, Paths
from zoo.networks.encoder_decoder import decode_step_model, encode_model, encoder_decoder
from zoo.networks.encoders import Encoder, Tokens
from zoo.networks.frames import Frames
from zoo.networks.language_model import initial_states, language_model, step_model
from zoo.networks.many_to_many import many_to_many, with_elsewhere
from zoo.networks.many_to_one import many_to_one, probabilities_of
from zoo.networks.nucleotides import Nucleotides
from zoo.networks.stream_model import StreamModel
from zoo.networks.transcriber import stream_model, transcriber

__all__ = [
    "AdversarialModel",
    "ChordRules",
    "Clips",
    "Encoder",
    "Frames",
    "Nucleotides",
    "Paths",
    "StreamModel",
    "Tokens",
    "chord_model",
    "decode_step_model",
    "encode_model",
    "encoder_decoder",
    "initial_states",
    "language_model",
    "many_to_many",
    "many_to_one",
    "probabilities_of",
    "step_model",
    "stream_model",
    "transcriber",
    "transfer",
    "with_elsewhere",
]
