from . import (
    audit,
    configuration,
    litert,
    network,
    onnx,
    saved_model,
    signatures,
    single_file,
    warmup,
)

__all__ = [
    "audit",
    "configuration",
    "litert",
    "network",
    "onnx",
    "saved_model",
    "signatures",
    "single_file",
    "warmup",
]
