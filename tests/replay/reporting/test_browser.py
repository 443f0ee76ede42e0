"""The page of a run in a real browser."""

import pytest

import replay
from replay.reporting import report
from tests.replay.labs import lab_in
from tests.replay.reporting.browser import CHROMIUM, Browser
from tests.replay.test_debugging_page import FIRST, play

pytestmark = pytest.mark.slow

EVIL = "</script><script>document.title='evil'</script><img src=http://192.0.2.1/x onerror=document.title='evil'>"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="not installed here: chromium")
def test_a_page_in_a_browser(tmp_path):
    """One start of the browser, which takes longest."""
    run_dir = tmp_path / "hello" / FIRST
    play(run_dir, 41, 1)
    lab = lab_in(tmp_path / "evil")
    lab.add(rtype="lab::Host", label=EVIL[:100], hostname=EVIL)
    for name, run in ("hello", run_dir), ("evil", tmp_path / "evil"):
        (tmp_path / f"{name}.html").write_text(report(run, with_traces=False), encoding="utf-8")
    with Browser(tmp_path / "profile") as browser:
        browser.open(tmp_path / "hello.html")
        _see_the_events(browser, replay.state(run_dir).seq)
        _see_the_chart(browser)
        assert browser.printed().startswith(b"%PDF")
        assert browser.run("[...document.querySelectorAll('details')].every(each => each.open)")
        browser.prefer("dark")
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
        browser.open(tmp_path / "evil.html")
        assert browser.run("document.title") == "lab run"
        assert browser.run("document.querySelectorAll('img, iframe').length") == 0
        assert EVIL[:50] in browser.run("document.querySelector('#resources tbody').textContent")
        requests = [params["request"]["url"] for method, params in browser.heard if method.startswith("Network")]
        assert requests == [(tmp_path / f"{name}.html").as_uri() for name in ("hello", "evil")]
        assert [told for told in browser.heard if not told[0].startswith("Network")] == []


def _see_the_events(browser, last):
    def rows():
        return browser.run("[...document.querySelectorAll('#list tr')].map(row => row.cells[2].textContent)")

    assert (len(rows()), browser.run("byId('count').textContent")) == (last, f"{last} of {last}")
    browser.run("byId('words').value = 'Start BEGAN #2'; filter()")
    assert rows() == ["step.begun"]
    browser.run("document.querySelector('#list a').click()")
    assert browser.run("document.querySelector('tr.found').cells[3].textContent") == (
        "the deploy of #4 linux::Application (tools) was done: it was READY"
    )
    assert len(rows()) == last


def _see_the_chart(browser):
    assert "(tools)" in browser.run("document.querySelector('#topology svg #resource-4 title').textContent")
    browser.run(
        "const it = document.querySelector('#gantt input'); it.value = 'tools'; it.dispatchEvent(new Event('input'))"
    )
    assert browser.run("[...document.querySelectorAll('#gantt .row')].filter(row => !row.hidden).length") == 1
    left, width = browser.run(
        "(() => { const bars = document.querySelector('#gantt .row:not([hidden]) .bars').getBoundingClientRect();"
        " const bar = document.querySelector('#gantt .row:not([hidden]) .PROVISIONED').getBoundingClientRect();"
        " return [(bar.left - bars.left) / bars.width, bar.width / bars.width] })()"
    )
    assert (left, width) == pytest.approx((0, 41.5 / 53.85), abs=0.01)
