"""How good tags are, by what the field measures: F1 of whole spans, as seqeval counts them."""

from collections.abc import Sequence
from typing import Any

from seqeval.metrics import accuracy_score, classification_report
from seqeval.scheme import IOB2


def tagging_metrics(
    true: Sequence[Sequence[str]], found: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """Compares the IOB2 tags of sentences with the true ones, by seqeval in its strict mode.

    Returns:
        dict of `f1`, `precision` and `recall` of all spans, `per_type` (the same and the number
        of true spans, `support`, by type), `token_accuracy`, `examples` and `tokens`.
    """
    report: dict[str, dict[str, float]] = {}
    if any(tag != "O" for row in (*true, *found) for tag in row):  # seqeval refuses none at all
        report = classification_report(
            true, found, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
        )
    nothing = {"f1-score": 0.0, "precision": 0.0, "recall": 0.0}
    return {
        **_figures(report.get("micro avg", nothing)),
        "token_accuracy": float(accuracy_score(true, found)),
        "per_type": {
            name: _figures(row) | {"support": int(row["support"])}
            for name, row in report.items()
            if not name.endswith(" avg")
        },
        "examples": len(true),
        "tokens": sum(map(len, true)),
    }


def _figures(row: dict[str, float]) -> dict[str, Any]:
    names = {"f1": "f1-score", "precision": "precision", "recall": "recall"}
    return {name: float(row[key]) for name, key in names.items()}
