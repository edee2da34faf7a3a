"""The style sheet of exported HTML: readable on any screen, in light and dark, and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """\
:root {
  color-scheme: light dark;
  --text: #1d1d1f; --quiet: #6b6b70; --line: #d9d9de; --ground: #fff; --raised: #f5f5f7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e8e8ea; --quiet: #9a9aa0; --line: #3a3a3f; --ground: #18181b; --raised: #232327;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 46rem; overflow-wrap: break-word;
  font: 1rem/1.6 system-ui, sans-serif; color: var(--text); background: var(--ground);
}
a { color: inherit; }
body > header { border-bottom: 1px solid var(--line); padding-bottom: 1rem; font-size: .875rem; }
.name { font-size: 1rem; font-weight: 600; margin: 0 0 .5rem; }
summary { cursor: pointer; color: var(--quiet); }
dl { display: grid; grid-template-columns: auto 1fr; gap: .125rem 1rem; margin: .5rem 0; }
dt { color: var(--quiet); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: .25rem .75rem; margin: .5rem 0; }
.page { padding: 1.5rem 0; border-bottom: 1px solid var(--line); }
.page > .number { margin: 0 0 1rem; font-size: .75rem; text-align: end; }
.number a { color: var(--quiet); text-decoration: none; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 1.5em 0 .5em; }
h1 { font-size: 1.625rem; } h2 { font-size: 1.25rem; } h3, h4, h5, h6 { font-size: 1.0625rem; }
.number + :is(h1, h2, h3, h4, h5, h6, figure) { margin-top: 0; }
sup, sub { line-height: 0; }
p, ul { margin: 0 0 1em; }
ul { padding-inline-start: 1.5rem; }
.numbered { list-style: none; }
.marker { color: var(--quiet); }
p.header, p.footer, p.caption, .notes { font-size: .8125rem; color: var(--quiet); }
.notes { border-top: 1px solid var(--line); margin-top: 2rem; padding-top: .75rem; }
.notes p { margin-bottom: .5em; }
.missing {
  padding: .75rem 1rem; border: 1px dashed var(--line); border-radius: .375rem;
  color: var(--quiet); font-size: .875rem;
}
figure { margin: 1.5rem 0; }
figure img { display: block; max-width: 100%; height: auto; background: #fff; }
figcaption, figure details { font-size: .875rem; color: var(--quiet); margin-top: .5rem; }
.table > figcaption { margin: 0 0 .5rem; }
.table > div { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.4; }
th, td {
  border: 1px solid var(--line); padding: .3125rem .625rem; text-align: start;
  vertical-align: top; overflow-wrap: normal;
}
th { background: var(--raised); font-weight: 600; }
.equation { overflow-x: auto; padding: .75rem 1rem; background: var(--raised); }
@media print {
  body { max-width: none; padding: 0; }
  summary { display: none; }
}
"""
