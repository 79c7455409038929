"""Calls the handler as Lambda does: `invoke.py REQUEST_ID ANSWER`, the event on stdin, the answer's JSON into a file."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from farthing.aws_lambda import handler


def main() -> None:
    request_id, answer = sys.argv[1:]
    event = json.load(sys.stdin)
    context: Any = SimpleNamespace(aws_request_id=request_id)
    Path(answer).write_text(json.dumps(handler(event, context)))


if __name__ == "__main__":
    main()
