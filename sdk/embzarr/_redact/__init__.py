"""What is secret, and texts, URLs and JSON without it: one list for all that is shown or stored."""

from embzarr._redact.html import html_facts, html_table
from embzarr._redact.json import without_secrets
from embzarr._redact.known import Redactor, secrets_in_options, secrets_of_environment
from embzarr._redact.shown import printable
from embzarr._redact.texts import masked
from embzarr._redact.urls import redact_url, secrets_in_url, user_of_url

__all__ = [
    "Redactor",
    "html_facts",
    "html_table",
    "masked",
    "printable",
    "redact_url",
    "secrets_in_options",
    "secrets_in_url",
    "secrets_of_environment",
    "user_of_url",
    "without_secrets",
]
