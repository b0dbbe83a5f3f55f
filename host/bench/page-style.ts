/** The page's style: one accent for ours, greys for the rest, so that it reads in greyscale; light or dark as the reader has it. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1f23; --soft: #5c646d; --grid: #e3e6e9; --line: #cfd4d9;
  --ours: #0a5c8c; --ours-ink: #0a5c8c; --peer: #b4bac1; --peer-mark: #6d757d; --warn: #a4341c; }
@media screen and (prefers-color-scheme: dark) { :root { --ground: #15181b; --ink: #e8eaec; --soft: #a2aab2; --grid: #2a2f34;
  --line: #3b4147; --ours: #4fb0e3; --ours-ink: #74c4ef; --peer: #5b636b; --peer-mark: #a8b0b8; --warn: #ff9b80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 28px 20px 60px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 44px 0 4px; padding-top: 14px; border-top: 2px solid var(--ink); }
h3 { font-size: 15px; margin: 0; }
p { margin: 4px 0 12px; max-width: 72ch; }
.soft, figcaption { color: var(--soft); }
figcaption { font-size: 13px; margin-bottom: 8px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 16px 0; font-size: 14px; }
dt { color: var(--soft); } dd { margin: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 32px 40px; margin-top: 16px; align-items: start; }
figure { margin: 0; max-width: 480px; break-inside: avoid; }
svg { display: block; width: 100%; height: auto; overflow: visible; font-size: 11px; font-variant-numeric: tabular-nums; }
svg text { fill: var(--soft); }
svg .group { fill: var(--ink); font-weight: 600; font-size: 12px; }
svg .grid { stroke: var(--grid); stroke-width: 1; }
svg .tick { font-size: 10px; }
svg .ours text { fill: var(--ours-ink); font-weight: 600; }
svg .ours rect, svg .ours polygon { fill: var(--ours); }
svg .peer rect, svg .peer polygon { fill: var(--peer); }
svg .halo { stroke: var(--ground); stroke-width: 4; }
svg .whisker { stroke: var(--ink); stroke-width: 1.5; }
svg .median { stroke-width: 2; stroke: var(--peer-mark); }
svg .ours .median { stroke: var(--ink); }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: left; padding: 4px 14px 4px 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
th { color: var(--soft); font-weight: 500; }
td.n, th.n { text-align: right; white-space: nowrap; }
tr.ours td { color: var(--ours-ink); font-weight: 600; }
tr.unmet td:first-child { color: var(--warn); font-weight: 700; }
.checks td:first-child { white-space: nowrap; width: 90px; } .checks td:nth-child(2) { width: 36%; } .checks td:nth-child(3) { width: 26%; }
@media (max-width: 600px) { body { padding: 18px 14px 40px; } dl { grid-template-columns: 1fr; } dt { margin-top: 6px; }
  .checks thead { display: none; } .checks tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--grid); }
  .checks td, .checks td:nth-child(n) { display: block; border: 0; padding: 0; width: auto; } .checks td[data-name]::before { content: attr(data-name) ' '; color: var(--soft); } }
@media print { @page { margin: 14mm; } :root { color-scheme: light; --ours: #000; --ours-ink: #000; --peer: #c4c4c4; --peer-mark: #666; }
  body { max-width: none; padding: 0; font-size: 11px; } .charts { grid-template-columns: repeat(2, 1fr); gap: 18px 26px; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } svg rect, svg polygon { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`
