"""What pages are made of: their style, cards for verdicts, tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from stages.alignment.verdict import Verdict

STYLE = """
:root{color-scheme:light;--ink:#1d2430;--soft:#667080;--line:#d8dde4}
*{box-sizing:border-box}body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:#f6f7f9}
main{max-width:1080px;margin:0 auto;padding:20px}
h1{font-size:1.4rem;margin:.2em 0}h2{font-size:1.15rem;margin:.9em 0 .4em}h3{font-size:1rem}
.lead{color:var(--soft);margin:.2em 0 1em}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(290px,1fr));gap:10px}
.card{background:#fff;border:1px solid var(--line);border-left:6px solid var(--state);border-radius:6px;padding:10px 14px}
.card b{color:var(--state)}.card p{margin:.3em 0;font-size:.87rem}.card .gap{font-size:.8rem;color:var(--soft)}
.strip{display:flex;flex-wrap:wrap;gap:6px;margin:0 0 14px;font-size:.85rem}
.strip span{border:1px solid var(--state);border-radius:99px;padding:1px 10px;background:#fff}.strip b{color:var(--state)}
.ALIGNED{--state:#2e7d4f}.WATCH{--state:#b26a00}.MISALIGNED{--state:#b3261e}.INCONCLUSIVE{--state:#5f6b7a}
section{background:#fff;border:1px solid var(--line);border-radius:6px;padding:4px 18px 16px;margin-top:18px}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;width:100%}
th,td{text-align:left;
padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
.n{text-align:right}td.n{white-space:nowrap;font-variant-numeric:tabular-nums}
svg{width:100%;max-width:640px;height:auto;display:block;margin:8px 0}.note{color:var(--soft);font-size:.85rem}
"""


def card(one: Verdict) -> str:
    """A verdict, its evidence and its remedy."""
    remedy = f"<p><i>{escape(one.remedy)}</i></p>" if one.remedy else ""
    return (
        f'<div class="card {one.state}"><span class=gap>{escape(one.gap)}</span><br><b>{one.state}</b>'
        f"<p>{escape(one.evidence)}</p>{remedy}</div>"
    )


def html_table(head: Sequence[str], rows: list[list[str]]) -> str:
    """A table; its first column names things, the others hold figures."""
    top = "".join(f"<th{'' if i == 0 else ' class=n'}>{escape(name)}</th>" for i, name in enumerate(head))
    body = "".join(
        "<tr>"
        + "".join(f"<td{'' if i == 0 else ' class=n'}>{escape(cell)}</td>" for i, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def markdown_table(head: Sequence[str], rows: list[list[str]]) -> list[str]:
    """The same as lines of Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
