"""What goes between parent and child: two lengths, a JSON object, and bytes. The parent believes nothing of it."""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

from talon.ir.errors import TalonFormatError
from talon.storage.tagged import strict_json

LENGTHS = struct.Struct("<QQ")
CODES = ("T302", "T303", "T305", "T307", "T311")
"""What the child may complain of."""
FACTS = ("node", "expected", "found", "help")
LONGEST_FACT = 2000


def send(stream: BinaryIO, header: dict[str, Any], data: bytes = b"") -> None:
    text = json.dumps(header, allow_nan=False).encode()
    stream.write(LENGTHS.pack(len(text), len(data)) + text)
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO, most_text: int, most_data: int) -> tuple[dict[str, Any], bytes]:
    """Raises EOFError where the stream ends, ValueError for what is no message."""
    text_length, data_length = LENGTHS.unpack(exactly(stream, LENGTHS.size))
    if text_length > most_text or data_length > most_data:
        raise ValueError(f"a message of {text_length:,} and {data_length:,} bytes")
    return strict_json(exactly(stream, text_length), "a message"), exactly(stream, data_length)


def exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count) if count else b""
    if len(data) < count:
        raise EOFError
    return data


def error_form(error: TalonFormatError) -> dict[str, Any]:
    """A complaint as JSON."""
    said = error.diagnostic
    facts = {name: None if (fact := getattr(said, name)) is None else str(fact) for name in FACTS}
    return {"code": said.code, "message": said.message, **facts}


def error_of(form: Any) -> TalonFormatError:
    """The complaint, in printable characters and of bounded length. Raises ValueError for what is none."""
    if not isinstance(form, dict) or form.keys() != {"code", "message", *FACTS} or form["code"] not in CODES:
        raise ValueError(f"a complaint of another form: {form!r:.80}")
    facts = {name: None if form[name] is None else printable(form[name]) for name in FACTS}
    return TalonFormatError(form["code"], printable(form["message"]), **facts)


def printable(text: Any) -> str:
    if not isinstance(text, str):
        raise ValueError(f"{text!r:.80} in place of a text")
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text[:LONGEST_FACT])
