"""The scenario with asynciojobs: a job that does nothing for each step of each resource. It keeps no record."""

from asynciojobs import Job, Scheduler
from scenario import Graph, Stopwatch, arguments


async def hook():
    """What a resource does: nothing."""


def main():
    watch = Stopwatch()
    graph = Graph(*arguments())

    async def reached(phase):
        watch.reached(phase)

    def job(required):
        return Job(hook(), required=required)

    deploys = [job([]) for _ in graph.needs]
    for each, needs in enumerate(graph.needs):
        deploys[each].requires([deploys[other] for other in needs])
    deployed = Job(reached("deployed"), required=deploys)
    starts = [job(deployed) for _ in deploys]
    stopped = Job(reached("stopped"), required=starts)
    releases = [job(stopped) for _ in deploys]
    for each, needs in enumerate(graph.needs):
        for other in needs:
            releases[other].requires(releases[each])
    scheduler = Scheduler(*deploys, deployed, *starts, stopped, *releases, verbose=False)
    watch.described()
    assert scheduler.run()
    watch.report(len(graph))


main()
