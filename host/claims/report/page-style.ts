/** The report's style: words carry the verdict and colour only repeats it, so that it reads in greyscale; light or dark, screen or paper. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1f23; --soft: #5c646d; --grid: #e3e6e9; --good: #1d6b3f; --bad: #a4341c; --open: #80600b; }
@media screen and (prefers-color-scheme: dark) { :root { --ground: #15181b; --ink: #e8eaec; --soft: #a2aab2; --grid: #2a2f34;
  --good: #6fcf97; --bad: #ff9b80; --open: #e5c15d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 28px 20px 60px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 6px; }
h2 { font-size: 18px; margin: 40px 0 4px; padding-top: 12px; border-top: 2px solid var(--ink); }
p { margin: 4px 0 12px; max-width: 78ch; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: 3px; }
code, dd { overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.note { border-left: 4px solid var(--open); padding: 2px 0 2px 12px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 16px 0; font-size: 14px; }
dt { color: var(--soft); } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--grid); vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 500; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.verdicts { font-size: 15px; margin-top: 16px; } .verdicts td:first-child { width: 34px; padding-right: 14px; }
.verdict { font-weight: 700; white-space: nowrap; overflow-wrap: normal; }
.intact .verdict, .held .mark { color: var(--good); }
.falsified .verdict, .broken td { color: var(--bad); }
.inconclusive .verdict, .untried .mark { color: var(--open); }
.evidence { table-layout: fixed; } .evidence td.mark { white-space: nowrap; font-weight: 600; }
.evidence th:first-child { width: 92px; } .evidence th:nth-child(2) { width: 38%; }
@media (max-width: 640px) { body { padding: 18px 14px 40px; } dl { grid-template-columns: 1fr; } dt { margin-top: 6px; } .verdict { white-space: normal; }
  .evidence thead { display: none; } .evidence tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--grid); }
  .evidence td { display: block; border: 0; padding: 0; } .evidence td[data-name]::before { content: attr(data-name) ': '; color: var(--soft); } }
@media print { @page { margin: 14mm; } body { max-width: none; padding: 0; font-size: 11px; } table { font-size: 10px; } tr { break-inside: avoid; } h2 { break-after: avoid; } }
`
