"""A report as one self-contained HTML page: the draft rendered, the graph drawn."""

from __future__ import annotations

from html import escape

from markdown_it import MarkdownIt

from .drawing import draw
from .facts import Facts

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; } h3 { border-bottom: 1px solid #ccc; margin-top: 2rem; }
pre { background: #f5f5f5; padding: .7rem; overflow-x: auto; font-size: 13px; line-height: 1.35; max-height: 40rem; }
code { background: #f5f5f5; font-family: ui-monospace, monospace; } pre code { background: none; }
table { border-collapse: collapse; } th, td { border: 1px solid #ccc; padding: .2rem .6rem; text-align: left; }
blockquote { border-left: 4px solid #d9a400; background: #fff9e6; margin: 0; padding: .3rem 1rem; }
figure { margin: 1rem 0; overflow-x: auto; } figcaption { color: #555; font-size: 13px; }
"""


def page(facts: Facts, draft: str) -> str:
    """The page. Neither scripts nor anything from elsewhere is in it; HTML in the draft is shown as text."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    body = reader.render(draft)
    figure = ""
    if not facts.kernel:
        figure = (
            f"<figure>{draw(facts.case.graph)}<figcaption>The program: inputs, calls, outputs.</figcaption></figure>"
        )
    # Under the title, which is the draft's only heading of the first level.
    head, mark, rest = body.partition("</h1>")
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(facts.title)}</title>'
        '<link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head>\n<body>\n{head}{mark}{figure}{rest}</body></html>\n"
    )
