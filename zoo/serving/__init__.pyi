from . import arrays, client, export, server
from .export.formats import FORMATS, ExportError, export_model

__all__ = [
    "FORMATS",
    "ExportError",
    "arrays",
    "client",
    "export",
    "export_model",
    "server",
]
