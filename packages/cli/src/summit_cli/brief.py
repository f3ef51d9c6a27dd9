"""The hand-over brief as a page: one file without anything from elsewhere, made for paper as well."""

from html import escape
from typing import Any, Final

_STYLE: Final = """
@page { size: A4; margin: 14mm 15mm }
:root { color-scheme: light }
body { font: 10.5pt/1.4 system-ui, "Segoe UI", Roboto, sans-serif; color: #16202a; background: #fff;
  max-width: 48rem; margin: 2rem auto; padding: 0 1.2rem }
header { border-bottom: 3px solid #c2410c; padding-bottom: .6rem; margin-bottom: 1rem }
h1 { font-size: 17pt; margin: 0; letter-spacing: -.01em }
header p, footer { color: #54626f; margin: .2rem 0 0; font-size: 9.5pt }
h2 { font-size: 11pt; margin: 1.1rem 0 .3rem; display: flex; justify-content: space-between; break-after: avoid }
h2 span { color: #54626f; font-weight: 400 }
ul { list-style: none; margin: 0; padding: 0 }
li { border-top: 1px solid #dde3e8; padding: .32rem 0; break-inside: avoid }
li li { border: 0; padding: .05rem 0 0 3.4rem; color: #34424f; font-size: 9.5pt }
time { display: inline-block; width: 3.4rem; color: #54626f; font-variant-numeric: tabular-nums }
code { font: 7.5pt ui-monospace, Menlo, Consolas, monospace; color: #66747f; overflow-wrap: anywhere }
.none { color: #54626f }
footer { border-top: 1px solid #dde3e8; margin-top: 1.4rem; padding-top: .5rem }
@media print { body { margin: 0; max-width: none; padding: 0; font-size: 9.5pt } }
"""


def page(brief: dict[str, Any]) -> str:
    """The whole document. All text in it is escaped: strangers wrote some of it."""
    since, until = (brief[name][:16].replace("T", " ") for name in ("since", "until"))
    head = brief["audit_head"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shift hand-over</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>"
        "<header><h1>Shift hand-over</h1>"
        f"<p>{escape(brief['organisation'])} · {escape(since)} to {escape(until)} UTC</p></header>"
        f"<main>{''.join(map(_section, brief['sections']))}</main>"
        f"<footer>Made from the audit up to record {head['seq']}, <code>{escape(head['hash'])}</code>,"
        f" and the picture at {escape(until)} UTC. The codes name what each line rests on.</footer></body></html>"
    )


def _section(section: dict[str, Any]) -> str:
    count = len(section["statements"]) + section["left_out"]
    title = f"<h2>{escape(section['title'])}<span>{count or 'none'}</span></h2>"
    more = f'<p class="none">and {section["left_out"]} more</p>' if section["left_out"] else ""
    return title + (_list(section["statements"]) if count else "") + more


def _list(statements: list[dict[str, Any]]) -> str:
    return f"<ul>{''.join(map(_statement, statements))}</ul>" if statements else ""


def _statement(one: dict[str, Any]) -> str:
    at = f"<time>{escape(one['at'][11:16])}</time>" if one.get("at") else ""
    cites = " ".join(f"<code>{escape(cited)}</code>" for cited in one["cites"])
    return f"<li>{at}{escape(one['text'])} {cites}{_list(one.get('details', []))}</li>"
