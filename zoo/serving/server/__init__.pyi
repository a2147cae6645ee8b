from . import development, documents, model_list, model_server, models, ports

__all__ = [
    "development",
    "documents",
    "model_list",
    "model_server",
    "models",
    "ports",
]
