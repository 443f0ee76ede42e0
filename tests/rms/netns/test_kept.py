"""Properties that are asked for once."""

from rms.netns._kept import kept


def test_what_is_kept_is_asked_once_for_each():
    class Thing:
        asked = 0

        @kept
        def answer(self):
            """What it is."""
            self.asked += 1
            return object()

    one, other = Thing(), Thing()
    assert one.answer is one.answer
    assert one.answer is not other.answer
    assert (one.asked, Thing.answer.__doc__) == (1, "What it is.")
