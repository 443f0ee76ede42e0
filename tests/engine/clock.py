"""A clock that only moves when the test says so."""

from datetime import UTC, datetime

S = 1_000_000_000
START = int(datetime(2026, 5, 4, 12, tzinfo=UTC).timestamp()) * S


class OwnClock:
    """Alarms ring on the thread that moves it on."""

    def __init__(self, now=START):
        self._now = now
        self.alarms = []

    def now(self):
        return self._now

    def alarm(self, ring):
        alarm = _Alarm(ring)
        self.alarms.append(alarm)
        return alarm

    def go_on(self, seconds):
        self._now += round(seconds * S)
        for alarm in self.alarms:
            alarm.look(self._now)


class _Alarm:
    def __init__(self, ring):
        self._ring = ring
        self.due = None

    def set(self, due):
        self.due = due

    def close(self):
        self.due = None

    def look(self, now):
        if self.due is not None and self.due <= now:
            self.due = None
            self._ring()
