"""Runs in the formats of other programs.

* what is a row of a table?                                     `tables`
* how does a table become JSON lines, CSV, Parquet?             `rows`
* what waits for what, for programs that know graphs            `graphml`
* when was what, for Perfetto, and for tools of OpenTelemetry   `perfetto`, `otlp`
* all of it, with where it comes from, for an archive           `crate`

Everything but `tables.results` and `crate`, which may have to ask hosts for traces, needs the log and nothing else.
"""
