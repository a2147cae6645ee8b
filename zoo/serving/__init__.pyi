from . import arrays, client, server
from .export.formats import FORMATS, ExportError, export

__all__ = ["FORMATS", "ExportError", "arrays", "client", "export", "server"]
