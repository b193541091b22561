"""The gate's report as one HTML page: no script, nothing from elsewhere, pictures inline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from stages.gate.content import Code, Report, Section, Table, legible

STYLE = """
:root{color-scheme:light;--ink:#1d2430;--soft:#5c6675;--line:#d8dde4}
*{box-sizing:border-box}body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:#f6f7f9}
main{max-width:1080px;margin:0 auto;padding:16px}
.PASS{--state:#2e7d4f}.FAIL{--state:#b3261e}.INCONCLUSIVE{--state:#9a5b00}
header{background:#fff;border:1px solid var(--line);border-left:8px solid var(--state);border-radius:6px;padding:12px 18px}
header b{color:var(--state);font-size:.95rem;letter-spacing:.04em}
h1{font-size:1.35rem;line-height:1.3;margin:.1em 0;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:.8em 0 .4em}
p{margin:.4em 0}header p,.note{color:var(--soft);font-size:.9rem}
section,details{background:#fff;border:1px solid var(--line);border-radius:6px;padding:2px 18px 14px;margin-top:14px}
details{padding:10px 18px}summary{cursor:pointer;font-weight:600}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;width:100%}
th,td{text-align:left;padding:5px 14px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
td{overflow-wrap:break-word}th{color:var(--soft);font-weight:600}
th.n,td.n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}td.n small{display:block;color:var(--soft)}
td.w{min-width:9em}td .PASS,td .FAIL,td .INCONCLUSIVE{color:var(--state);font-weight:600}
code,pre{font:.86em/1.45 ui-monospace,Menlo,Consolas,monospace}code{overflow-wrap:break-word}
pre{background:#f0f2f5;border-radius:4px;padding:10px;overflow-x:auto}
figure{margin:12px 0 0}figcaption{color:var(--soft);font-size:.9rem}
svg{width:100%;min-width:520px;max-width:680px;height:auto;display:block;margin:6px 0}
@media(max-width:640px){svg{min-width:480px}th,td{padding-right:8px}td.w{min-width:0}
.stack thead{display:none}.stack tr{display:block;padding:7px 0;border-bottom:1px solid var(--line)}
.stack td{display:grid;grid-template-columns:8em 1fr;gap:8px;border:0;padding:1px 0}
.stack td.w,.stack td.n{text-align:left;white-space:normal}
.stack td::before{content:attr(data-head);color:var(--soft);font-size:.85em}.stack td>span{min-width:0}}
@media(max-width:500px){main{padding:8px}section,details,header{padding-left:12px;padding-right:12px}body{font-size:15px}
table{font-size:.8rem}th,td{padding-right:6px}}
"""
INTERVAL = re.compile(r"([+-]?[\d.]+) (\([+-]?[\d.]+ to [+-]?[\d.]+\))")
MANY_WORDS, MANY_COLUMNS = 2, 6
STATES = ("PASS", "FAIL", "INCONCLUSIVE")


def render(report: Report) -> str:
    """The page."""
    again = escape("\n".join(legible(line) for line in report.again))
    title = _plain(report.title[:1].upper() + report.title[1:])
    sections = "".join(_section(one) for one in report.sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{report.outcome}: {_plain(report.title)}</title><style>{STYLE}</style></head>"
        f'<body><main><header class="{report.outcome}"><b>{report.outcome}</b><h1>{title}</h1>'
        f"<p>{_plain(report.lead)}</p></header>{sections}"
        f"<section><h2>Again</h2><pre>{again}</pre></section></main></body></html>\n"
    )


def _section(section: Section) -> str:
    notes = "".join(f'<p class="note">{_cell(note)}</p>' for note in section.notes)
    table = _table(section.table) if section.table else ""
    drawings = "".join(
        f'<figure><figcaption>{_plain(one.title)}</figcaption><div class="scroll">{one.draw(legible)}</div></figure>'
        for one in section.drawings
    )
    if section.folded:
        return f"<details><summary>{_plain(section.title)}</summary>{notes}{table}{drawings}</details>"
    return f"<section><h2>{_plain(section.title)}</h2>{notes}{table}{drawings}</section>"


def _table(table: Table) -> str:
    if not table.rows:
        return '<p class="note">None.</p>'
    classes = ["w" if i == 0 or i in table.words else "n" for i in range(len(table.head))]
    head = "".join(f'<th class="{kind}">{_plain(name)}</th>' for kind, name in zip(classes, table.head, strict=True))
    body = "".join(f"<tr>{_row(row, classes, table.head)}</tr>" for row in table.rows)
    # On a narrow screen a table of many words or columns becomes a list; a small one stays a table.
    kind = ' class="stack"' if len(table.words) >= MANY_WORDS or len(table.head) >= MANY_COLUMNS else ""
    return f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(row: Sequence[str], classes: Sequence[str], head: Sequence[str]) -> str:
    return "".join(
        f'<td class="{kind}" data-head="{_plain(name)}"><span>{_cell(cell)}</span></td>'
        for kind, name, cell in zip(classes, head, row, strict=True)
    )


def _cell(text: str) -> str:
    if text in STATES:
        return f'<span class="{text}">{text}</span>'
    if interval := INTERVAL.fullmatch(text):
        return f"{interval[1]}<small>{interval[2]}</small>"
    return f"<code>{_plain(text)}</code>" if isinstance(text, Code) and text else _plain(text)


def _plain(text: str) -> str:
    return escape(legible(text))
