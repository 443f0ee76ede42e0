"""Bugs that `planted_bugs.py` plants in the core of the engine."""

from planted_bugs import Bug

BUGS = (
    # --- when a condition is met
    Bug(
        "a condition forgets its delay",
        "core/conditions.py",
        "else condition.met_at + condition.delay",
        "else condition.met_at",
    ),
    Bug(
        "a delay counts from the first that got there",
        "core/watching.py",
        "        condition.met_at = max(reached, default=entry.time)",
        "        condition.met_at = min(reached, default=entry.time)",
    ),
    Bug(
        "one of several conditions is enough",
        "core/conditions.py",
        "        if condition.met_at is None:\n            return None\n        last",
        "        if condition.met_at is None:\n            continue\n        last",
    ),
    Bug(
        "the shortest of several delays counts",
        "core/conditions.py",
        "last = max(last, (condition.met_at + condition.delay, condition.met_by))",
        "last = (condition.met_at + condition.delay, condition.met_by)",
    ),
    Bug(
        "a condition on DEPLOY is not asked again",
        "core/conditions.py",
        "    if _FIRST in resource.gates and step is not _FIRST and step in DEPLOYMENT:",
        "    if False and _FIRST in resource.gates:",
    ),
    Bug(
        "who has reached a state by failing is waited for",
        "core/world.py",
        "return state in self.times or (FAILED in self.times and not self.critical)",
        "return state in self.times",
    ),
    Bug(
        "a critical failure counts as having got there",
        "core/watching.py",
        "if resource.state is RELEASED else not resource.critical",
        "if resource.state is RELEASED else True",
    ),
    Bug(
        "a failure that is not critical breaks those who wait",
        "core/watching.py",
        "if resource.state is RELEASED else not resource.critical",
        "if resource.state is RELEASED else False",
    ),
    Bug(
        "a barrier counts FAILED wrongly",
        "core/watching.py",
        "            (_see if seen else _break)(world, condition, entry)",
        "            if condition.origin != 'group' or resource.state is RELEASED:\n"
        "                (_see if seen else _break)(world, condition, entry)",
    ),
    Bug(
        "a group waits for a member that was released",
        "core/watching.py",
        'seen = condition.origin == "group" if',
        "seen = False if",
    ),
    Bug(
        "who joins a group that was ready is not waited for",
        "core/apply.py",
        "    barrier.met_at = None\n",
        "",
    ),
    Bug("a group has no barrier", "core/apply.py", "        if event.wait_all_ready:\n", "        if False:\n"),
    # --- who is told
    Bug(
        "a lost wake-up",
        "core/watching.py",
        "        condition.met_by = entry.seq\n        touch_all(world, condition.guids, entry.seq)\n",
        "        condition.met_by = entry.seq\n",
    ),
    Bug(
        "only the first who waits is woken",
        "core/watching.py",
        "    for guid in guids:\n        touched[guid] = seq",
        "    for guid in list(guids)[:1]:\n        touched[guid] = seq",
    ),
    Bug(
        "who waits in vain is not told",
        "core/watching.py",
        "    condition.broken_by = entry.event.guid\n    touch_all(world, condition.guids, entry.seq)",
        "    condition.broken_by = entry.event.guid",
    ),
    Bug(
        "nobody looks again after a delay",
        "core/kernel.py",
        "                heappush(self._timers, (later.due, resource.guid, cause))\n            case plan.Fail",
        "                pass\n            case plan.Fail",
    ),
    # --- what may happen next
    Bug(
        "after an abort one goes on starting",
        "core/plan.py",
        "    if world.aborted and not _may_go_on(resource, step):\n        return None\n",
        "",
    ),
    Bug(
        "one that can never start is not said to",
        "core/plan.py",
        "        return None if obstacle is None else Fail(obstacle)\n",
        "        return None\n",
    ),
    Bug(
        "a stopped resource starts by itself",
        "core/plan.py",
        "    if resource.state is READY:\n        return START",
        "    if resource.state in (READY, STOPPED):\n        return START",
    ),
    Bug(
        "one is released under those who need it",
        "core/plan.py",
        "    if resource.blockers:\n        return None\n",
        "",
    ),
    Bug(
        "a running one is released without being stopped",
        "core/plan.py",
        "    return STOP if failed_while_running or resource.state is STARTED else RELEASE",
        "    return RELEASE",
    ),
    Bug(
        "steps are passed beyond a gate",
        "core/plan.py",
        "        if opened is None or opened[0] > now:\n            break\n",
        "",
    ),
    Bug("a stop condition is forgotten", "core/plan.py", "STOP in resource.gates", "STOP in ()"),
    # --- answers, late and lost
    Bug(
        "an answer of another attempt counts",
        "core/kernel.py",
        "return attempt if attempt is not None and attempt.token == token else None",
        "return attempt",
    ),
    Bug(
        "an end before the start is recorded is lost",
        "core/kernel.py",
        "            self._early[event.guid] = event\n",
        "            pass\n",
    ),
    Bug(
        "the end of an earlier run ends this one",
        "core/kernel.py",
        "        if token not in (None, resource.tokens.get(START)):\n            return",
        "        if False:\n            return",
    ),
    Bug(
        "a token names two attempts",
        "core/kernel.py",
        'token = f"{self._token_prefix}-{resource.guid}-{self.world.seq + 1}"',
        'token = f"{self._token_prefix}-{resource.guid}-{step}"',
    ),
    Bug(
        "one that is given up is waited for",
        "core/kernel.py",
        "        else:\n            self._give_up(resource, attempt)",
        "        else:\n            return",
    ),
    Bug("a cancel is not told", "core/kernel.py", "            self.effects.append(Cancel(guid))", "            pass"),
    # --- planned values
    Bug(
        "a planned value forgets its delay",
        "core/kernel.py",
        "            if due > self._now:\n                heappush",
        "            if due > self._now + 10**15:\n                heappush",
    ),
    Bug(
        "a planned value is set twice",
        "core/apply.py",
        "    if event.plan:\n        _leave(world, resource, world.plans[event.plan].condition)\n",
        "",
    ),
    # --- taking over
    Bug(
        "nobody asks after what was running",
        "core/kernel.py",
        "        elif attempt is None and resource.state is STARTED and",
        "        elif False and",
    ),
    Bug(
        "what had begun is begun again without asking",
        "core/kernel.py",
        "            self.effects.append(Probe(resource.guid, attempt, None))",
        "            self.effects.append(Run(resource.guid, attempt))",
    ),
    Bug(
        "an undoing under way is left as it is",
        "core/kernel.py",
        "        if attempt is not None and attempt.step in _UNDOING:\n            # Undoing",
        "        if False:\n            # Undoing",
    ),
    Bug(
        "what waits is not looked at after a takeover",
        "core/kernel.py",
        "            self.world.touched[resource.guid] = 0  #",
        "            #",
    ),
    Bug(
        "what never began is lost",
        "core/kernel.py",
        '            self.emit(events.StepVoided(heard.guid, attempt.step, "it never began"), attempt.seq)',
        '            self._failed(heard.guid, attempt, {"type": "Gone", "message": "lost"})',
    ),
    Bug(
        "a silent host is not asked again",
        "core/kernel.py",
        "        heappush(self._timers, (self._now + pause, guid, self.world.opened))\n",
        "",
    ),
    # --- the turn
    Bug(
        "a restart forgets that it was stopped",
        "core/apply.py",
        "        tokens.pop(STOP, None)\n",
        "",
    ),
    # --- who is given up, and what an end means
    Bug(
        "an undoing that hangs is waited for without end",
        "core/kernel.py",
        "            self._set_limit(guid, attempt.seq, self._patience, cancel=True)\n",
        "            return\n",
    ),
    Bug(
        "what is released is never cancelled",
        "core/kernel.py",
        "        if resource.releasing and resource.attempt is not None:\n            self._hurry(resource, cause)\n",
        "",
    ),
    Bug(
        "a silent host keeps its resource from being released",
        "core/kernel.py",
        "        if not undoing and resource.unknown_since is not None:",
        "        if False:",
    ),
    Bug("no failure aborts anything", "core/kernel.py", "is FAILED and self._wants_abort(guid)", "is None"),
    Bug(
        "the exit status of what is told to end is not kept",
        "core/kernel.py",
        "            if resource.exit_code is None:\n                self.emit",
        "            if False:\n                self.emit",
    ),
    Bug(
        "what a manager said that is gone holds for ever",
        "core/kernel.py",
        "            if resource.remark:  # who said so is gone\n",
        "            if False:\n",
    ),
    Bug(
        "what was said already is said again",
        "core/kernel.py",
        " and heard.what != resource.remark:",
        ":",
    ),
    Bug(
        "tasks of a controller that is gone are waited for",
        "core/kernel.py",
        "        self.drop_tasks(why, functions)\n",
        "",
    ),
    Bug(
        "a task is called before its time",
        "core/kernel.py",
        "        heappush(self._timers, (due, -task, entry.seq))",
        "        heappush(self._timers, (due - 1, -task, entry.seq))",
    ),
    # --- descriptions that change
    Bug(
        "a condition that was taken back still holds",
        "core/apply.py",
        "    for guid in event.guids:\n        _leave(world, world.resources[guid], old)\n",
        "",
    ),
    Bug(
        "nobody looks whether what is left of a condition holds",
        "core/apply.py",
        "        _leave(world, world.resources[guid], old)\n    touch_all(world, event.guids, entry.seq)\n",
        "        _leave(world, world.resources[guid], old)\n",
    ),
    Bug(
        "a global value for the critical ones is forgotten",
        "core/apply.py",
        '    if event.name == "critical":\n        for resource',
        "    if False:\n        for resource",
    ),
    Bug(
        "who is released does not count as being on its way",
        "core/apply.py",
        "            world.resources[needed].blockers += 1\n",
        "            world.resources[needed].blockers += 0\n",
    ),
    Bug(
        "a link is forgotten when a second one waits by it",
        "core/apply.py",
        "    condition.guids.append(mine.guid)\n    mine.gates",
        "    condition.guids[:] = [mine.guid]\n    mine.gates",
    ),
    Bug(
        "who is removed is still counted on",
        "core/apply.py",
        "    condition.guids[:], condition.on[:] = waiting, on\n",
        "    condition.guids[:] = waiting\n",
    ),
    # --- workers and managers
    Bug(
        "a condition on what has come already is taken",
        "core/decide.py",
        "        _check_to_come(world.resources[guid], action, condition)\n",
        "        pass\n",
    ),
    Bug(
        "one is deployed that would wait in vain",
        "core/decide.py",
        "        _check_not_in_vain(world, resource, joined)\n",
        "",
    ),
    Bug(
        "a resource that is forgotten is asked after",
        "core/kernel.py",
        "            for kept in (self._early, self._silent, self._limits):",
        "            for kept in (self._early, self._limits):",
    ),
    Bug(
        "who broke a barrier is forgotten while others wait",
        "core/revise.py",
        "    others = {*standing, *_waiting_for(world, guid), *_held_by(world, guid)}",
        "    others = {*standing, *_waiting_for(world, guid)}",
    ),
    Bug(
        "who is disconnected while it is released still blocks",
        "core/apply.py",
        "            other.blockers -= mine.depends_on.count(other.guid)\n",
        "            pass\n",
    ),
    Bug(
        "what failed counts from its release",
        "core/watching.py",
        "    return min(resource.times[it] for it in counted if it in resource.times)",
        "    return max(resource.times[it] for it in counted if it in resource.times)",
    ),
)
