from . import (
    audit,
    configuration,
    formats,
    litert,
    loaders,
    network,
    onnx,
    saved_model,
    signatures,
    silence,
    single_file,
    warmup,
)

__all__ = [
    "audit",
    "configuration",
    "formats",
    "litert",
    "loaders",
    "network",
    "onnx",
    "saved_model",
    "signatures",
    "silence",
    "single_file",
    "warmup",
]
