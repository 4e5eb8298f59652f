"""What a person sees while a run goes on."""

from __future__ import annotations

from pipelines.watch import IDLE, PLAIN_EVERY, Pace


def test_the_pace_is_that_of_the_last_interval() -> None:
    """A burst long ago does not raise the pace of now, and an average does not hide a stop."""
    pace = Pace(0.0)
    assert pace(1.0, 1000) == 1000
    assert pace(PLAIN_EVERY, 1000 + 90) == (1000 + 90) / PLAIN_EVERY
    assert pace(2 * PLAIN_EVERY, 1000 + 90 + 50) == 50 / PLAIN_EVERY


def test_a_stream_without_events_is_idle() -> None:
    """After five seconds without an event there is no pace, and with the next event there is one again."""
    pace = Pace(0.0)
    assert pace(IDLE - 1, 0) == 0
    assert pace(IDLE, 0) is None
    assert pace(IDLE + 1, 7) is not None
    assert pace(2 * IDLE + 1, 7) is None
