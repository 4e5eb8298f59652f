"""Personal data in free text: find it, take it out."""

from transforms.deid.text.detection import detect
from transforms.deid.text.redaction import redact
from transforms.deid.text.spans import KINDS, Span

__all__ = ["KINDS", "Span", "detect", "redact"]
