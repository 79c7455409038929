"""Starts MiniStack with eight things as AWS does them. Run by the Python that MiniStack is installed in.

Each mend replaces a function of the pinned MiniStack (requirements/tools.lock); one that is no longer there ends the start.
What is mended, and what no emulator shows at all, is listed in docs/integration.md.
"""

import contextvars
import json
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from ministack import app  # type: ignore[import-not-found]
from ministack.core import iam_evaluator, lambda_runtime  # type: ignore[import-not-found]
from ministack.core.responses import error_response_json  # type: ignore[import-not-found]
from ministack.services import athena, cloudwatch, eventbridge, lambda_svc, secretsmanager  # type: ignore[import-not-found]

ROLE_SESSION = re.compile(r"arn:(?P<partition>[^:]+):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/.+")

_request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)


def mend_principal_arn() -> None:
    """The key aws:PrincipalArn of a role's session is the role's ARN, not the session's."""
    original = iam_evaluator._resolve_condition_key

    def resolve(key: str, context: Any) -> Any:
        value = original(key, context)
        if key.lower() == "aws:principalarn" and (session := ROLE_SESSION.fullmatch(str(value))):
            return f"arn:{session['partition']}:iam::{session['account']}:role/{session['role']}"
        return value

    iam_evaluator._resolve_condition_key = resolve


def mend_describe_alarms() -> None:
    """DescribeAlarms says the same in the Query protocol, which Terraform's provider 5 speaks, as in JSON."""
    original = cloudwatch._describe_alarms

    def describe(params: Any, data: Any, is_cbor: bool, is_json: bool = False) -> Any:
        if is_cbor or is_json:
            return original(params, data, is_cbor, is_json)
        names = [params[name] for name in sorted(params) if name.startswith("AlarmNames.member.")]
        flat = [name[0] if isinstance(name, list) else name for name in names]
        _, _, body = original({}, {"AlarmNames": flat}, False, True)
        return cloudwatch._xml(
            200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{_xml(json.loads(body))}</DescribeAlarmsResult>"
        )

    cloudwatch._describe_alarms = describe


def _xml(value: Any) -> str:
    """JSON in the Query protocol's spelling; times are left out, which nobody here reads."""
    if isinstance(value, dict):
        return "".join(
            f"<{name}>{_xml(item)}</{name}>"
            for name, item in value.items()
            if item is not None and not name.endswith("Timestamp")
        )
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


def mend_request_ids() -> None:
    """Every attempt of an asynchronous invocation has the same request id.

    So has an event that is delivered twice, which AWS says can happen; here `"deliveries": 2` in the event asks for it.
    """
    asynchronous, new_uuid = lambda_svc.invoke_async_with_retry, lambda_svc.new_uuid

    def invoke(function: Any, event: Any) -> None:
        token = _request_id.set(new_uuid())
        try:
            for _ in range(event.get("deliveries", 1)):
                asynchronous(function, event)  # its thread runs in a copy of this context
        finally:
            _request_id.reset(token)

    lambda_svc.invoke_async_with_retry = invoke
    lambda_svc.new_uuid = lambda: _request_id.get() or new_uuid()


def mend_events() -> None:
    """EventBridge and its Scheduler start a function asynchronously: with retries and the on-failure destination."""
    _ = eventbridge._dispatch_to_lambda  # ends the start if it is gone

    def dispatch(arn: str, payload: str) -> None:
        function, config, name = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            raise LookupError(name)
        lambda_svc.invoke_async_with_retry(
            lambda_svc._execution_record_for_config(function, config), json.loads(payload)
        )

    eventbridge._dispatch_to_lambda = dispatch


def mend_empty_secrets() -> None:
    """A secret that was made without a value has no version to read."""
    original = secretsmanager._get_secret_value

    def get(data: Any) -> Any:
        status, headers, body = original(data)
        if status == 200 and not {"SecretString", "SecretBinary"} & json.loads(body).keys():
            said = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
            return error_response_json("ResourceNotFoundException", said, 400)
        return status, headers, body

    secretsmanager._get_secret_value = get


def mend_projected_partitions() -> None:
    """A table with partition projection has its keys as columns, and every table the column "$path"."""
    original = athena._table_relation

    def relation(table: Any, files: list[str]) -> str:
        template = (table.get("Parameters") or {}).get("storage.location.template")
        if not template:
            return str(original(table, files))
        location = table["StorageDescriptor"]["Location"].rstrip("/") + "/"
        root = next(folder for folder in Path(files[0]).parents if folder.name.startswith("ministack-athena-"))
        pattern = re.escape(template.removeprefix(location)).replace(r"\$\{", "(?P<").replace(r"\}", ">[^/]+)")
        parts = []
        for file in files:
            name = Path(file).relative_to(root).as_posix()
            found = re.match(pattern, name)
            if found is None:
                continue
            quoted = location.replace("'", "''") + name.replace("'", "''")
            keys = ", ".join(f"'{value}' AS {key}" for key, value in found.groupdict().items())
            escaped = file.replace("'", "''")
            parts.append(f"SELECT *, {keys}, '{quoted}' AS \"$path\" FROM read_parquet('{escaped}')")
        return f"({' UNION ALL BY NAME '.join(parts)})"

    athena._table_relation = relation


def mend_element_at() -> None:
    """element_at of a map gives the value, as in Trino; DuckDB's gives a list of it."""
    original = athena._rewrite_data_paths

    async def rewritten(query: str, *rest: Any) -> Any:
        return await original(re.sub(r"\belement_at\(", "map_extract_value(", query, flags=re.IGNORECASE), *rest)

    athena._rewrite_data_paths = rewritten


def mend_logs() -> None:
    """The log holds all that a function wrote, also where this machine is busy: 0.2 s of silence are awaited, not 5 ms."""
    original = lambda_runtime.Worker._drain_stderr_bounded
    lambda_runtime.Worker._drain_stderr_bounded = lambda worker: original(worker, 1.0, 0.2, 5.0)


if __name__ == "__main__":
    mend_principal_arn()
    mend_describe_alarms()
    mend_request_ids()
    mend_events()
    mend_empty_secrets()
    mend_logs()
    mend_projected_partitions()
    mend_element_at()
    app.main()
