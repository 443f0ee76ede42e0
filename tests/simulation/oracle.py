"""Judges what was played: by its log as plain values, by the calls that were made, and by what really happened.

Plain and slow, written from what is promised and not from what is built. It imports nothing of the engine.
"""

from __future__ import annotations

from math import inf
from typing import Any

from tests.simulation import calls
from tests.simulation.calls import Call
from tests.simulation.model import UNDOING
from tests.simulation.promises import Promises, told
from tests.simulation.workers import Job, Workers

NS = 1_000_000_000

IN_TIME = 100 * NS
"""How long after its end, and after its host could be asked, a run may at most be taken for one that goes on."""


class Oracle(Promises):
    """Reads the record from its beginning to its end, and the log as it was written.

    Args:
        log: the events, as plain values.
        record: what happened, in order: each has a time (ns since 1970), a kind, a place, a token, and facts.
        workers: how many hooks may run at once.
        policy: "default", "lenient" or "strict".
        secret: what must show nowhere.
    """

    def __init__(self, log: list[dict[str, Any]], record: list[Any], workers: int, policy: str, secret: str) -> None:
        super().__init__(policy)
        self._log = log
        self._record = record
        self._size = workers
        self._secret = secret
        self._now = record[0].time
        self._program = ""
        self._epoch = 0
        self._batch: Any = None  # what is being written
        self._writes: dict[str, list[tuple[int, int]]] = {}
        self._unwritten: dict[str, int] = {}
        self._until: dict[str, int] = {}
        self._answers: dict[str, int] = {}  # by token, when its hook came to its end
        self._begun: dict[str, dict[str, Any]] = {}  # by token, its step.begun
        self._void: set[str] = set()
        self._not_undone: set[int] = set()
        self._known: set[int] = set()  # those whose manager is there
        self._news: dict[int, list[tuple[Any, ...]]] = {}  # the values that managers are to be told of
        self._called: set[str] = set()
        self._workers: dict[str, Workers] = {}
        self._calls: dict[int, Call] = {}
        self._tasks: dict[int, int] = {}
        self._began: dict[str, Any] = {}
        self._over: dict[str, Any] = {}
        self._away: set[str] = set()
        self._host_changed = 0
        self._done = False

    def judge(self) -> None:
        """Raise `Wrong` if anything is."""
        self._look_ahead()
        for place, it in enumerate(self._record):
            if it.time > self._now:
                self._let_time_go_by()
                self._now = it.time
            handle = getattr(self, "_on_" + it.kind.replace(".", "_").replace(" ", "_"), None)
            if handle is not None:
                handle(it, place)
        self._fold_what_is_left()
        self._leave_charge()
        self._every_process_ends_up_in_the_log()
        self._nothing_secret_shows()

    # --- time ---------------------------------------------------------------------------------------------------

    def _look_ahead(self) -> None:
        """Find out when each controller stood still for a write, and when it was gone."""
        writing: dict[str, int] = {}
        for it in self._record:
            if it.kind == "log.writing":
                writing[it.where] = it.time
            elif it.kind == "log.written":
                self._writes.setdefault(it.where, []).append((writing.pop(it.where), it.time))
            elif it.kind in ("program.died", "program.ended", "program.paused"):
                self._until.setdefault(it.where, it.time)
        self._unwritten = writing

    def _at_the_latest(self, due: int) -> int:
        """When that is done that is due: at once, unless the controller is at a write."""
        return next((end for begin, end in self._writes.get(self._program, ()) if begin <= due < end), due)

    def _is_in_charge(self, program: str) -> bool:
        return program == self._program and self._until.get(program, self._now + 1) > self._now

    def _let_time_go_by(self) -> None:
        """At this moment nothing more happens, so all that can has."""
        for call in self._calls.values():
            if call.time == self._now:
                self._see_wait(call, for_good=True)
        workers = self._workers.get(self._program)
        if workers is not None and self._is_in_charge(self._program) and self._batch is None:
            idle = workers.idle(self.model, self._called, self._now)
            self._must(not idle, idle)

    def _leave_charge(self) -> None:
        """What was due before a controller was gone has been done, or was in what it was writing then."""
        gone = self._until.get(self._program, self._now)
        self._nothing_was_missed(min(gone, self._unwritten.get(self._program, gone)))
        self._expected.clear()

    def _nothing_was_missed(self, before: int) -> None:
        for due, what in self._expected:
            self._must(self._at_the_latest(due) >= before, f"{what} was due at {due}, and did not come")

    # --- what was written ---------------------------------------------------------------------------------------

    def _on_log_opened(self, it: Any, place: int) -> None:
        self._fold_what_is_left(it.facts["epoch"])
        self._leave_charge()
        lives = self._program and self._until.get(self._program, inf) > it.time
        self._must(not lives, f"{it.where} took over from {self._program}, which lives")
        self._must(it.facts["epoch"] > self.model.epoch, "a controller takes over under no higher epoch")
        self._program, self._epoch, self._batch = it.where, it.facts["epoch"], None
        self._workers[it.where] = Workers(self._size)
        self._answers.clear()
        self._known.clear()
        self._news.clear()

    def _on_log_writing(self, it: Any, place: int) -> None:
        if it.where != self._program:
            return  # it believes that it is in charge, and will be told
        for token, time in self._answers.items():
            late = self._at_the_latest(time) < it.time and self._is_under_way(token)
            self._must(not late, f"the answer of {token} was not heard at {time}")
        self._batch = it, dict(self._answers)

    def _on_log_written(self, it: Any, place: int) -> None:
        self._only_one_writes(it)
        begun, answers = self._batch
        self._batch = None
        events = self._log[it.facts["first"] - 1 : it.facts["last"]]
        self._nothing_that_was_synced_is_lost(it, events)
        for event in events:
            may_wait = event["time"] < begun.time and event["cause"] == 0 and self._is_in_batch()
            in_time = event["time"] == begun.time or may_wait
            self._must(in_time, f"{told(event)} was not written when it was decided on")
        self._fold(events)
        for token in answers:
            self._must(not self._is_under_way(token), f"the answer of {token} was there, and was not heard")
            self._answers.pop(token, None)

    def _is_in_batch(self) -> bool:
        return any(call.name == "batch" and call.program == self._program for call in self._calls.values())

    def _is_under_way(self, token: str) -> bool:
        thing = self.model.things.get(self._begun[token]["guid"]) if token in self._begun else None
        return thing is not None and thing.attempt is not None and thing.attempt.token == token

    def _fold_what_is_left(self, epoch: float = inf) -> None:
        """What was written when the controller died: all of its last turn, or nothing."""
        left = [event for event in self._log[self._folded :] if event["epoch"] < epoch]
        if left:
            self._must(self._batch is not None, f"nobody wrote {told(left[0])}")
            facts = self._batch[0].facts
            whole = (left[0]["seq"], left[-1]["seq"]) == (facts["first"], facts["last"])
            self._must(whole, "half a turn was written")
            self._fold(left)
        self._batch = None

    def _fold(self, events: list[dict[str, Any]]) -> None:
        now = events[-1]["time"]
        if events[0]["kind"] != "controller.opened":
            self._nothing_was_missed(now)
            self._ends_are_heard_of(now)
        for event in events:
            self._order_is_cause(event)
            self._released_is_final(event)
            self._calls_are_the_cause_of_what_has_none(event)
            self._nothing_comes_before_its_conditions(event)
            self._ends_are_those_that_happened(event)
            self._nothing_is_lost_by_guess(event)
            was = self.model.things[event["guid"]].state if event["guid"] in self.model.things else ""
            self._note(event)
            self.model.see(event)
            self._failures_mean_what_the_policy_says(event, was, events)
        if events[0]["kind"] == "controller.opened":
            waiting = [task for task, it in self.model.tasks.items() if it["state"] != "over"]
            self._must(not waiting, f"tasks {waiting} are of a controller that is gone, and it is not said")
        self._everything_comes_that_can(now)
        self._see_waits()

    def _note(self, event: dict[str, Any]) -> None:
        data = event["data"]
        self._workers[self._program].look(self.model, self._now)
        match event["kind"]:
            case "step.begun":
                self._must(data["token"] not in self._begun, f"{data['token']} names two attempts")
                self._begun[data["token"]] = event
                self._known.add(event["guid"])
            case "step.voided" if data["why"] == "it never began":
                self._void.add(self.model.things[event["guid"]].attempt.token)
            case "release.requested":
                for guid in data["guids"]:
                    thing = self.model.things[guid]
                    if thing.attempt is not None and thing.attempt.step not in UNDOING and not thing.unknown:
                        self._workers[self._program].cancel(guid)
            case "step.failed":
                if data["error"]["type"] == "NeverReturned":
                    self._workers[self._program].give_up(event["guid"])
                    self._known.discard(event["guid"])
                    self._news.pop(event["guid"], None)
                if data["step"] == "release":
                    self._not_undone.add(event["guid"])
            case "attribute.set" if event["guid"] in self._known:
                self._news.setdefault(event["guid"], []).append((event["seq"], data["name"], data["value"]))
            case "global.set":
                for guid in self._known & self.model.things.keys():
                    thing = self.model.things[guid]
                    concerned = data["rtype"] in self.model.types[thing.rtype]["lineage"]
                    if concerned and data["name"] not in thing.own and thing.state not in ("FAILED", "RELEASED"):
                        self._news.setdefault(guid, []).append((event["seq"], data["name"], data["value"]))

    # --- the invariants -----------------------------------------------------------------------------------------

    def _order_is_cause(self, event: dict[str, Any]) -> None:
        """1. The log's order is the order of cause: an event's cause has a lower seq."""
        self._folded += 1
        self._must(event["seq"] == self._folded, f"{told(event)} is out of order")
        self._must(0 <= event["cause"] < event["seq"], f"{told(event)} comes before its cause {event['cause']}")
        last = self._log[event["seq"] - 2] if event["seq"] > 1 else event
        self._must(last["time"] <= event["time"], f"{told(event)} is earlier than the event before it")
        self._must(last["epoch"] <= event["epoch"], f"{told(event)} is of an older controller")

    def _no_effect_without_intent(self, it: Any) -> None:
        """2. No effect without its intent on disk before it."""
        begun = self._begun.get(it.token)
        self._must(begun is not None, f"{it.kind} of {it.token}, and its intent is not on disk")
        knows = it.kind == "process.began" or it.where == self._program  # who was declared dead may not know it yet
        void = knows and it.token in self._void
        self._must(not void, f"{it.kind} of {it.token}, of which the log says that it never began")

    def _on_process_began(self, it: Any, place: int) -> None:
        """3. A command is started at most once per attempt, across a crash of the controller at any point."""
        self._no_effect_without_intent(it)
        self._must(it.token not in self._began, f"the command of {it.token} was started twice")
        self._must(self._begun[it.token]["data"]["step"] == "start", f"{it.token} is no start")
        self._must(not self._done, f"the command of {it.token} was started after all was released")
        self._began[it.token] = it

    def _every_process_ends_up_in_the_log(self) -> None:
        """4. Every process that was started ends up with an exit status in the log, or a stated reason why not."""
        if not self.model.closed:
            return
        for token in self._began:
            begun = self._begun[token]
            after = [e for e in self._log[begun["seq"] :] if e["guid"] == begun["guid"]]
            reasons = ("resource.ended", "resource.failed", "step.failed", "step.voided")
            told = any(e["kind"] in reasons for e in after)
            self._must(told, f"the log does not say what became of {token}")

    def _ends_are_those_that_happened(self, event: dict[str, Any]) -> None:
        """4, too: an exit status in the log is that of the process."""
        if event["kind"] not in ("resource.ended", "resource.failed") or event["data"]["code"] is None:
            return
        thing = self.model.things[event["guid"]]
        over = thing.told_to_end or thing.state == "FAILED"  # what it comes to then is no failure any more
        token, fine = thing.started, over or event["data"]["code"] in thing.own.get("ok_codes", [0])
        self._must(fine is (event["kind"] == "resource.ended"), f"{told(event)}: that is no end, or no failure")
        self._must(token in self._over, f"{told(event)}, and {token} has not ended")
        code = self._over[token].facts.get("code", 137)  # killed with its supervisor watching
        self._must(code == event["data"]["code"], f"{told(event)}, and {token} ended with {code}")

    def _nothing_is_lost_by_guess(self, event: dict[str, Any]) -> None:
        """4, too: what runs is not said to be lost, whoever does not answer, unless its own probe says so."""
        error = event["data"].get("error")
        if event["kind"] not in ("step.failed", "resource.failed") or error["type"] != "Gone":
            return
        thing = self.model.things[event["guid"]]
        token = thing.attempt.token if thing.attempt else thing.started
        says_so = thing.own.get("plan", {}).get("probe", {}).get("how") in ("gone", "fails")
        runs = token in self._began and token not in self._over
        self._must(says_so or not runs, f"{told(event)}, and {token} runs")

    def _nothing_is_left(self, guids: list[int] | None) -> None:
        """7, too: after a release that said it succeeded nothing of ours is left on any host."""
        guids = [it["guid"] for it in self._begun.values()] if guids is None else guids
        silent = [guid for guid in guids if guid in self._not_undone and guid in self.model.things]
        self._must(not silent, f"it is not said that {silent} may not be undone")
        wanted = [it for it in self._began if self._begun[it]["guid"] in guids]
        left = [it for it in wanted if it not in self._over and self._begun[it]["guid"] not in self._not_undone]
        self._must(not left, f"{left} still run, and it was said that they are released")

    def _only_one_writes(self, it: Any) -> None:
        """8. One writer: one that was declared dead can neither write nor start anything."""
        good = it.where == self._program and it.facts["epoch"] == self._epoch
        self._must(good, f"{it.where} wrote under epoch {it.facts['epoch']}, and {self._program} is in charge")

    def _nothing_that_was_synced_is_lost(self, it: Any, events: list[dict[str, Any]]) -> None:
        """9. A torn last record is dropped. What was synced is never."""
        there = len(events) == it.facts["last"] - it.facts["first"] + 1
        good = there and all(event["epoch"] == it.facts["epoch"] for event in events)
        self._must(good, f"events {it.facts['first']} to {it.facts['last']} were synced, and are not in the log")

    def _nothing_secret_shows(self) -> None:
        """11. No secret is ever in the log or a message."""
        said = [it.facts for it in self._record if it.kind == "call.raised"]
        self._must(self._secret not in repr(self._log) + repr(said), "a secret shows")

    # --- hooks --------------------------------------------------------------------------------------------------

    def _on_hook_called(self, it: Any, place: int) -> None:
        facts = it.facts
        self._no_effect_without_intent(it)
        begun = self._begun[it.token]
        good = (begun["guid"], begun["data"]["step"], begun["epoch"]) == (facts["guid"], facts["step"], facts["epoch"])
        self._must(good, f"{facts['step']} of #{facts['guid']} is called for {told(begun)}")
        self._must(it.token not in self._called, f"the hook of {it.token} is called twice")
        self._called.add(it.token)
        if it.where == self._program:
            self._must(self._is_under_way(it.token), f"the hook of {it.token} is called, and nobody waits for it")
            untold = [news for news in self._news.get(facts["guid"], []) if news[0] < begun["seq"]]
            self._must(not untold, f"the hook of {it.token} is called, and nobody told it of {untold}")
            self._begin_job(it, it.token, facts["step"])

    def _begin_job(self, it: Any, key: Any, what: str) -> None:
        if it.where in self._workers:
            thing = self.model.things.get(it.facts["guid"])
            attempt = thing.attempt if thing is not None and thing.releasing and not thing.unknown else None
            unwanted = attempt is not None and attempt.step not in UNDOING
            job = Job(it.facts["guid"], what, cancelled=unwanted, late=unwanted)
            crowded = self._workers[it.where].begin(key, job, self.model, it.time)
            self._must(not crowded or it.where != self._program, crowded)

    def _end_job(self, it: Any, key: Any) -> None:
        if it.where in self._workers:
            self._workers[it.where].look(self.model, it.time)
            self._workers[it.where].end(key)

    def _on_hook_returned(self, it: Any, place: int) -> None:
        self._end_job(it, it.token)
        if self._is_in_charge(it.where):
            self._answers[it.token] = it.time

    _on_hook_raised = _on_hook_returned

    def _on_hook_waits(self, it: Any, place: int) -> None:
        if it.where in self._workers:
            self._workers[it.where].look(self.model, it.time)
            self._workers[it.where].set_aside(it.token)

    def _on_hook_goes_on(self, it: Any, place: int) -> None:
        if it.where in self._workers:
            crowded = self._workers[it.where].go_on(it.token, self.model, it.time)
            self._must(not crowded or it.where != self._program, crowded)

    def _on_probe_called(self, it: Any, place: int) -> None:
        self._begin_job(it, ("probe", it.facts["guid"]), "probe")

    def _on_told_called(self, it: Any, place: int) -> None:
        news = self._news.get(it.facts["guid"])
        if it.where == self._program and news:
            new = it.facts["name"], it.facts["new"]
            self._must(new == news.pop(0)[1:], f"#{it.facts['guid']} is told of {new}, and something else is news")

    def _on_probe_returned(self, it: Any, place: int) -> None:
        self._end_job(it, ("probe", it.facts["guid"]))

    # --- hosts --------------------------------------------------------------------------------------------------

    def _on_process_ended(self, it: Any, place: int) -> None:
        self._must(it.token not in self._over, f"{it.token} ended twice")
        self._over[it.token] = it

    _on_process_killed = _on_process_ended

    def _on_host_vanished(self, it: Any, place: int) -> None:
        self._away.add(it.where)

    _on_host_rebooted = _on_host_vanished

    def _on_host_came_back(self, it: Any, place: int) -> None:
        self._away.discard(it.where)
        self._host_changed = it.time

    def _ends_are_heard_of(self, now: int) -> None:
        """4, too: what has ended is not taken for running for long, nor is it left open what became of an attempt."""
        workers = self._workers[self._program]
        workers.look(self.model, now)
        since = max(self.model.opened, self._host_changed, workers.full_at)
        if self._away or now - since < IN_TIME:
            return
        for thing in self.model.things.values():
            ended = self._over.get(thing.started)
            mute = thing.own.get("plan", {}).get("probe", {}).get("how") == "lost"
            # One hook of a resource runs at a time: while it is undone, nobody can ask after it.
            busy = thing.attempt is not None and thing.attempt.epoch == self._epoch
            asked = mute or busy or not thing.unknown
            self._must(asked, f"nobody asks after #{thing.guid}, whose host is there again")
            runs = thing.state == "STARTED" and thing.attempt is None and not mute
            if runs and ended is not None and now - ended.time > IN_TIME:
                self._wrong(f"{thing.started} of #{thing.guid} ended at {ended.time}, and is taken for running")
            old = thing.attempt is not None and thing.attempt.epoch < self._epoch
            self._must(mute or not old, f"nobody asks what became of the step of #{thing.guid}")

    # --- calls --------------------------------------------------------------------------------------------------

    def _on_call_made(self, it: Any, place: int) -> None:
        number = it.facts["number"]
        known = list(self.model.things)
        call = self._calls[number] = Call(number, it.facts["name"], it.facts["args"], it.where, it.time, known)
        self._see_wait(call)

    def _see_waits(self) -> None:
        for call in self._calls.values():
            self._see_wait(call)

    def _see_wait(self, call: Call, *, for_good: bool = False) -> None:
        """Note what a wait comes to. When in the moment that it was made it came to be, nobody knows."""
        if call.name == "wait" and call.program == self._program:
            calls.look(call, self.model, self._now, for_good=for_good or call.time < self._now)

    def _calls_are_the_cause_of_what_has_none(self, event: dict[str, Any]) -> None:
        """What has no cause was asked for: by a call that was under way then."""
        lost = event["kind"] == "task.done" and event["data"]["lost"]
        if event["cause"] or event["kind"] == "controller.opened" or lost:
            return
        asking = [call for call in self._calls.values() if call.program == self._program and call.explains(event)]
        self._must(asking, f"nobody asked for {told(event)}")
        min(asking, key=lambda call: (call.has_made(event["kind"]), call.number)).events.append(event)

    def _on_call_returned(self, it: Any, place: int) -> None:
        call = self._calls.pop(it.facts["number"])
        if it.where != self._program:
            return
        # Of what came to nothing because it was so, the rest of its batch may have made something else.
        may_be_undone = it.facts["in_batch"] and call.name in ("connect", "disconnect")
        missing = "" if may_be_undone else calls.lacks(call, it.facts["result"], self.model)
        self._must(not missing, missing)
        if call.name == "wait":
            self._check_wait(call, it.facts["result"])
        elif call.name in ("release", "shutdown"):
            everything = call.known if call.name == "release" else None  # what comes meanwhile is not meant
            self._nothing_is_left(call.args.get("guids") or everything)
            self._done = self._done or call.name == "shutdown"
        elif call.name == "schedule":
            self._tasks[call.number] = it.facts["result"]

    def _on_call_raised(self, it: Any, place: int) -> None:
        """12. A wrong input gets one clear error and leaves nothing behind."""
        call, kinds = self._calls.pop(it.facts["number"]), it.facts["kinds"]
        ours = "ExperimentError" in kinds or "LogError" in kinds
        self._must(ours and kinds[0] != "EngineBug", f"{call} raised {kinds[0]}: {it.facts['message']}")
        self._must(it.facts["message"], f"{call} raised {kinds[0]}, and does not say why")
        if it.where != self._program:
            return
        wrong = calls.USAGE in kinds and call.name not in (
            "step",
            "release",
            "remove",
        )  # others may ask the same just then
        left = [event for event in call.events if wrong and not self._is_asked_by_another(call, event)]
        self._must(not left, f"{call} was refused, and left {left}")
        if call.name == "wait" and "WaitTimeout" in kinds:
            self._check_wait(call, "timeout")

    def _is_asked_by_another(self, call: Call, event: dict[str, Any]) -> bool:
        """Whether what seemed to be of one call may be of another one of its batch."""
        others = (other for other in self._calls.values() if other is not call and other.program == self._program)
        return any(other.explains(event) for other in others)

    def _check_wait(self, call: Call, answer: bool | str) -> None:
        moments = (call.time, call.time + calls.to_ns(call.args["timeout"]))
        slow = any(begin <= it < end for begin, end in self._writes.get(self._program, ()) for it in moments)
        wrong = calls.check_wait(call, self._now, answer, slow=slow)
        self._must(not wrong, wrong)

    def _on_task_called(self, it: Any, place: int) -> None:
        task = self._tasks.get(it.facts["number"])
        if task is not None and it.where == self._program:
            state = self.model.tasks[task]["state"]
            self._must(state == "running", f"the function of task {task} is called, and it is {state}")


def judge(log: list[dict[str, Any]], record: list[Any], *, workers: int, policy: str, secret: str) -> None:
    """Raise `Wrong` if anything that was promised is not kept; see `Oracle`."""
    Oracle(log, record, workers, policy, secret).judge()
