"""The limit: one thread, no actor, no engine. It does the same steps, and writes as much to the log as often."""

from durable import Log
from scenario import Graph, Progress, Stopwatch, arguments


def hook():
    """What a resource does: nothing."""


def main():
    watch = Stopwatch()
    graph = Graph(*arguments())
    watch.described()
    progress, log = Progress(graph, watch), Log("log")
    due = progress.first()
    while due:
        for _ in due:
            hook()
        done = [(each, step) for each, step in due]
        log.append(done)
        due = [more for each, step in done for more in progress.done(each, step)]
    watch.report(len(graph))


main()
