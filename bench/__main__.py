"""`make bench`: every benchmark, each against its named reference in the same run; `--smoke` is the short form."""

import argparse

from bench import anomalies_speed, artifact, daily_run, dashboard, imports, in_lambda, queries, series
from bench.detection import __main__ as detection
from bench.forecast import __main__ as forecast


def main() -> None:
    """Runs them and prints their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="the small organisation, once: only shows that it works")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured; medians are shown")
    arguments = parser.parse_args()
    if arguments.smoke:
        daily_run.main(("small",), rounds=1)
        in_lambda.main(("small",), rounds=1)
        series.main(("small",), rounds=1)
        imports.main(((20_000, "parquet"), (20_000, "csv")), rounds=1)
        queries.main((20_000,), rounds=1)
        anomalies_speed.main(leaves=1_000)
        detection.main(["--smoke"])
        forecast.main(["--smoke"])
        dashboard.main(("small",), rounds=1)
        artifact.main(rounds=1)
    else:
        daily_run.main(("small", "medium", "large"), rounds=arguments.rounds)
        in_lambda.main(("small", "medium"), rounds=arguments.rounds)
        series.main(("small", "medium", "large"), rounds=arguments.rounds)
        imports.main(((1_000_000, "parquet"), (1_000_000, "csv")), rounds=arguments.rounds)
        queries.main((1_000_000,), rounds=arguments.rounds)
        anomalies_speed.main()
        dashboard.main(("medium",), rounds=arguments.rounds)
        artifact.main(rounds=arguments.rounds)


if __name__ == "__main__":
    main()
