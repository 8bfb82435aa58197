"""The summary page: whole, self-contained, its texts only texts; and it works in a browser."""

from __future__ import annotations

import re
import shutil
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest

from misfold.fuzz.tables import PapersRow
from misfold.fuzz.views.charts import Line, chart
from misfold.fuzz.views.summary import summary_page

from .filled import filled

VOID = {"meta", "link", "input", "br"}


class Balanced(HTMLParser):
    """Fails where an element is closed that is not the innermost open one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for key, value in attrs if key == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}>"


def test_the_page_is_whole_and_self_contained(tmp_path: Path) -> None:
    store = filled(tmp_path / "c")
    (tmp_path / "c" / "bugs" / "B1.py").write_text("")
    html = summary_page(store, tmp_path / "c" / "summary.html")
    reader = Balanced()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert {"B1", "B2", "bugs", "matrix", "outcomes"} <= set(reader.ids)
    assert not re.search(r'(?:src|href)="(?!data:,|#B\d|bugs/B1\.py)', html)
    assert 'href="bugs/B1.py"' in html
    # What a finding says is never markup.
    assert "<i>wrong" not in html and "&lt;i&gt;wrong" in html
    assert "<b>relu" not in html


def test_the_page_links_drafts_and_regression_cases(tmp_path: Path) -> None:
    store = filled(tmp_path)
    page = summary_page(store, tmp_path / "page.html")
    assert "2 bugs wait for a draft and a regression case (B1, B2)" in page
    assert page.count("waits</td>") == 2
    for name in ("B1.md", "B1.case.py"):
        (tmp_path / "bugs" / name).write_text("")
    row = PapersRow(bug_id=1, at=0.0, seconds=1.0, objections=["not reduced: it is <large>"], no_case="", no_draft="")
    with store.session(write=True, tables=[PapersRow]) as session:
        session.add(row)
    page = summary_page(store, tmp_path / "page.html")
    assert "1 bug waits for a draft and a regression case (B2)" in page
    assert '<td title="not reduced: it is &lt;large&gt;"><a href="bugs/B1.md">B1.md</a> not ready</td>' in page
    assert '<a href="bugs/B1.case.py">B1.case.py</a>' in page


def test_the_page_counts(tmp_path: Path) -> None:
    html = summary_page(filled(tmp_path / "c"))
    assert "3 cases, 2 bugs (2 confirmed)" in html
    outcomes = re.sub(r"<[^>]*>", " ", html[html.index('id="outcomes"') : html.index("<h2>Bugs")])
    rows = [line.split() for line in outcomes.splitlines() if line.split()[:1] in (["inductor"], ["tvm"])]
    # target, ok, unsupported, undecided, failing, all, seconds
    assert rows == [["inductor", "1", "1", "0", "1", "3", "6"], ["tvm", "0", "0", "1", "1", "2", "4"]]
    matrix = html[html.index('id="matrix"') : html.index("<script>")]
    assert re.sub(r"<[^>]*>|\s+", " ", matrix).split()[-4:] == ["exp", "B2", "relu", "B1"]


def test_charts_keep_inside_and_hold_every_value() -> None:
    svg = re.search(r"<svg.*</svg>", chart("<t>", [Line("a&b", [(1, 1), (2, 5), (9, 5), (10, 80)])], 20))
    assert svg is not None
    paths = [one.attrib["d"] for one in ElementTree.fromstring(svg[0]) if one.attrib.get("fill") == "none"]
    assert len(paths) == 1
    heights = [float(number) for number in re.findall(r"V([\d.]+)", paths[0])]
    assert len(heights) == 3 and heights == sorted(heights, reverse=True)
    assert all(14 <= one <= 204 for one in heights)
    assert chart("empty", [], 0).count("<svg") == 1
    many = chart("many", [Line("l", [(float(n), float(n)) for n in range(10_000)])], 10_000)
    assert len(many) < 40_000 and "l: 9999" in many


@pytest.mark.slow
def test_the_page_works_in_a_browser(tmp_path: Path) -> None:
    browsers = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    page_file = tmp_path / "c" / "summary.html"
    page_file.parent.mkdir()
    page_file.write_text(summary_page(filled(tmp_path / "c"), page_file), encoding="utf-8")
    with browsers.sync_playwright() as playwright:
        try:
            # A browser as root, as in containers, has no sandbox of its own; the page is ours.
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        except browsers.Error as error:
            pytest.skip(f"no browser: {str(error).splitlines()[0]}")
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("requestfailed", lambda request: said.append(request.url))
        page.goto(page_file.as_uri())

        def shown() -> list[str]:
            return page.eval_on_selector_all("#bugs tbody tr:not([hidden])", "rows => rows.map(row => row.id)")

        assert shown() == ["B1", "B2"]
        page.click("#bugs th button:text('bug')")
        page.click("#bugs th button:text('bug')")
        assert shown() == ["B2", "B1"]
        page.click("#bugs th button:text('target')")
        assert shown() == ["B1", "B2"]
        page.fill("#filter", "EXP")
        assert shown() == ["B2"] and page.inner_text("#shown") == "1"
        page.fill("#filter", "")
        page.select_option("#target", "inductor")
        assert shown() == ["B1"]
        page.select_option("#state", "confirmed")
        assert shown() == ["B1"]
        page.select_option("#target", "")
        assert shown() == ["B1", "B2"]
        page.click("#B1 summary")
        assert page.is_visible("#B1 pre >> nth=1")
        assert page.locator("svg").count() >= 1
        browser.close()
    assert said == []
