/** Light, dark and on paper. Blue and orange are told apart by every eye; a sign and a word stand beside each colour. */
export const style: string = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --line: #d8dee4; --ground: #f6f8fa; --card: #fff; --primary: #0b62b8; --shadow: #c2570c; --pass: #1a7f37; --fail: #b3261e; --open: #8a6100; --invalid: #7b3fa0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --line: #30363d; --ground: #0d1117; --card: #161b22; --primary: #6cb6ff; --shadow: #f0a35e; --pass: #57c26d; --fail: #ff8a80; --open: #e3b341; --invalid: #d2a8ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1160px; margin: 0 auto; padding: 28px 22px 72px; }
h1 { font-size: 15px; font-weight: 600; color: var(--soft); margin: 0 0 14px; }
h2 { font-size: 17px; margin: 34px 0 12px; }
h3 { font-size: 14px; margin: 0 0 6px; }
p { margin: 6px 0; max-width: 80ch; }
.soft { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; }
.scroll { overflow-x: auto; }
.verdict { border-left: 8px solid currentColor; }
.verdict > * { color: var(--ink); }
.verdict .word { font-size: 30px; font-weight: 700; line-height: 1.2; color: inherit; display: block; }
.verdict ul { margin: 10px 0; padding-left: 20px; }
.verdict .next { font-weight: 600; }
.PASS { color: var(--pass); } .FAIL { color: var(--fail); } .INCONCLUSIVE { color: var(--open); } .INVALID { color: var(--invalid); } .NOT_JUDGED { color: var(--soft); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 10px 24px; margin: 16px 0 0; }
dt { color: var(--soft); font-size: 13px; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--soft); font-size: 13px; padding-bottom: 8px; }
th, td { text-align: right; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: middle; }
thead th { color: var(--soft); font-weight: 500; font-size: 13px; }
th[scope=row] { font-weight: 600; }
th:first-child, td:first-child, .l { text-align: left; }
tbody tr:last-child > * { border-bottom: 0; }
.wrap { white-space: normal; text-align: left; }
.advisory { font-weight: 400; color: var(--soft); }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(480px, 100%), 1fr)); gap: 16px; }
figure { margin: 0; } figcaption { font-size: 13px; color: var(--soft); }
svg { display: block; max-width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
.axis { stroke: var(--line); stroke-width: 1; fill: none; }
.p { stroke: var(--primary); fill: none; stroke-width: 2; } .s { stroke: var(--shadow); fill: none; stroke-width: 2; stroke-dasharray: 7 3; }
.pf { fill: var(--primary); } .sf { fill: var(--shadow); } .dots { stroke: var(--primary); stroke-width: 3; stroke-linecap: round; opacity: .45; fill: none; }
.margin { stroke: var(--fail); stroke-width: 1.5; stroke-dasharray: 5 3; } .equal { stroke: var(--soft); stroke-width: 1; }
.band { fill: var(--primary); opacity: .16; } .line { stroke: var(--primary); stroke-width: 2; fill: none; } .tick { stroke-width: 1; stroke-dasharray: 2 3; opacity: .7; }
.key { display: inline-block; width: 22px; height: 0; border-top: 3px solid var(--primary); vertical-align: middle; margin: 0 5px 0 12px; } .key.sh { border-top: 3px dashed var(--shadow); } .key:first-child { margin-left: 0; }
ol.funnel { list-style: none; margin: 0; padding: 0; display: grid; gap: 6px; }
.bar { display: inline-block; height: 12px; background: var(--primary); border-radius: 3px; vertical-align: middle; margin-right: 10px; min-width: 2px; }
footer { margin-top: 34px; color: var(--soft); font-size: 13px; }
@media print { :root { --ground: #fff; --card: #fff; --ink: #000; } main { padding: 0; max-width: none; } .card { break-inside: avoid; border-color: #bbb; } h2 { break-after: avoid; } body { font-size: 12px; -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
@media (max-width: 560px) { main { padding: 16px 12px 48px; } .card { padding: 14px; } .verdict .word { font-size: 24px; } }
`;
