/**
 * Styles for light, dark, narrow and print. Blue and orange are distinguishable with colour blindness, and each colour
 * also has a sign and a word.
 */
export const style: string = `
:root { color-scheme: light dark; --ink: #1c2128; --soft: #59636e; --faint: #8a949e; --line: #e1e5ea; --grid: #eceff2; --ground: #f5f6f8; --card: #fff; --primary: #0b62b8; --shadow: #c2570c; --pass: #17703a; --fail: #b3261e; --open: #855c00; --invalid: #7a3aa0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaef; --soft: #9ba6b2; --faint: #74808c; --line: #2d343c; --grid: #242b33; --ground: #0e1216; --card: #161b21; --primary: #6cb2ff; --shadow: #f2a25c; --pass: #5cc779; --fail: #ff8b82; --open: #e5b84c; --invalid: #d3a6fb; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%; }
main { max-width: 1240px; margin: 0 auto; padding: 36px 28px 80px; }
header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 4px 24px; margin-bottom: 14px; }
header p { margin: 0; overflow-wrap: anywhere; }
h1 { font-size: 16px; font-weight: 600; margin: 0; }
section > h2 { font-size: 20px; font-weight: 650; letter-spacing: -.01em; margin: 48px 0 14px; }
h3 { font-size: 15px; font-weight: 600; margin: 0 0 10px; }
p { margin: 0 0 8px; }
code { font: .94em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
small { display: block; font-size: 12px; font-weight: 400; color: var(--soft); }
.soft, .advisory { color: var(--soft); font-weight: 400; } .advisory { font-size: 13px; }
.label { display: block; color: var(--soft); font-size: 12px; letter-spacing: .02em; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 20px 22px; }
.card + .card { margin-top: 16px; } .grid > .card + .card { margin-top: 0; } .grid + .card { margin-top: 16px; }
.scroll { overflow-x: auto; }
.prose p { max-width: 92ch; } .prose p:last-child { margin: 0; }
.PASS { --tone: var(--pass); color: var(--pass); } .FAIL { --tone: var(--fail); color: var(--fail); } .INCONCLUSIVE { --tone: var(--open); color: var(--open); } .INVALID { --tone: var(--invalid); color: var(--invalid); } .NOT_JUDGED { --tone: var(--soft); color: var(--soft); }
.card.verdict { padding: 0; overflow: hidden; color: var(--ink); border-color: color-mix(in srgb, var(--tone) 40%, var(--line)); }
.findings { padding: 26px 28px 22px; background: color-mix(in srgb, var(--tone) 9%, var(--card)); border-left: 8px solid var(--tone); }
.verdict .word { display: flex; align-items: center; gap: 14px; margin: 0 0 12px; font-size: 34px; font-weight: 750; letter-spacing: -.01em; line-height: 1.15; color: var(--tone); }
.word .sign { flex: none; display: inline-grid; place-items: center; width: 44px; height: 44px; border-radius: 50%; background: var(--tone); color: var(--card); font-size: 26px; line-height: 1; }
.word .far { font-weight: 500; font-size: 24px; }
.reasons { margin: 0 0 16px; padding-left: 20px; } .reasons li { margin: 3px 0; overflow-wrap: anywhere; } .reasons li::marker { color: var(--tone); }
.caveats { margin: 0 0 14px; } .caveats ul, ul.marks { margin: 0; padding-left: 20px; } .caveats li { margin: 2px 0; overflow-wrap: anywhere; } .next + .caveats { margin: 12px 0 0; }
.next { margin: 0; font-weight: 600; font-size: 16px; overflow-wrap: anywhere; } .next .soft { font-weight: 400; }
.lanes { display: flex; flex-wrap: wrap; align-items: center; gap: 12px 26px; padding: 20px 28px; border-top: 1px solid var(--line); }
.lane { min-width: 0; flex: 1 1 260px; padding-left: 14px; border-left: 4px solid var(--primary); overflow-wrap: anywhere; } .lane.shadow { border-left: 4px dashed var(--shadow); } .lane.control { border-left-color: var(--faint); }
.lane > * { display: block; } .lane strong { font-size: 17px; font-weight: 650; } .arrow { color: var(--faint); font-size: 22px; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 14px 26px; margin: 0; }
.verdict dl.facts { display: flex; flex-wrap: wrap; gap: 12px 30px; padding: 18px 28px 22px; border-top: 1px solid var(--line); }
dt { color: var(--soft); font-size: 12px; letter-spacing: .02em; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } table.narrow { max-width: 720px; }
caption { text-align: left; color: var(--soft); font-size: 13px; padding-bottom: 12px; }
th, td { text-align: right; padding: 8px 0 8px 14px; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: middle; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th, thead td { color: var(--soft); font-weight: 500; font-size: 13px; vertical-align: bottom; padding-top: 4px; }
thead tr:not(:last-child) > * { border-bottom: 0; padding-bottom: 0; }
th[scope=row] { font-weight: 600; } .gates th[scope=row], .segments th[scope=row] { white-space: normal; overflow-wrap: break-word; min-width: 110px; } .gates td, .segments td, .gates thead th + th, .segments thead th + th { padding-left: 10px; }
tbody tr:last-child > * { border-bottom: 0; }
caption span { display: block; position: sticky; left: 0; max-width: min(100%, calc(100vw - 60px)); } caption span span { display: inline; }
.l { text-align: left; } .c { text-align: center; } .strong { font-weight: 600; }
.wrap { white-space: normal; overflow-wrap: anywhere; min-width: 112px; }
.range { white-space: normal; min-width: 92px; } .group { text-align: center; font-weight: 600; color: var(--ink); } .start { padding-left: 22px; } .latency td { padding-left: 10px; } .latency td.start { padding-left: 22px; } .gates .plot { padding-top: 0; padding-bottom: 0; } .checks .what { min-width: 260px; } .wrap strong { white-space: nowrap; }
.matrix .same { background: color-mix(in srgb, var(--primary) 10%, transparent); } .matrix .none { color: var(--faint); } .matrix tbody td, .matrix thead tr:last-child th:not(:first-child) { padding: 8px 12px; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(480px, 100%), 1fr)); gap: 16px; align-items: stretch; } .grid > .all { grid-column: 1 / -1; } .all .grid { grid-template-columns: repeat(auto-fill, minmax(min(480px, 100%), 1fr)); } .split { display: flex; flex-wrap: wrap; gap: 14px 44px; } .split ol { flex: 999 1 400px; } .split > div { flex: 1 1 240px; } .grid > * { min-width: 0; } * + .grid { margin-top: 16px; }
ol.funnel { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; }
.funnel li { display: grid; grid-template-columns: 72px 1fr 72px; gap: 10px; align-items: center; } .funnel .n { text-align: right; font-weight: 600; }
.lost { margin: 0 0 12px; overflow-wrap: anywhere; }
figure { margin: 0; } figcaption { font-size: 13px; color: var(--soft); margin-top: 10px; max-width: 74ch; }
.keys { font-size: 13px; color: var(--soft); margin: 0 0 4px; } .key { display: inline-block; width: 24px; border-top: 3px solid var(--primary); vertical-align: middle; margin: 0 6px 2px 0; } .key.s { border-top: 3px dashed var(--shadow); margin-left: 16px; }
svg { display: block; max-width: 100%; height: auto; } svg.wide { width: 100%; max-width: 640px; } svg.track { width: 100%; height: 12px; background: var(--grid); border-radius: 3px; } .track rect { fill: var(--primary); } .plot svg { max-width: none; } svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--soft); font-variant-numeric: tabular-nums; } svg .findings-p { fill: var(--primary); } svg .findings-s { fill: var(--shadow); } svg .margin-label { fill: var(--fail); } svg .strong { fill: var(--ink); }
.halo { paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
.g { stroke: var(--grid); fill: none; } .a { stroke: var(--faint); fill: none; }
.p { stroke: var(--primary); fill: none; stroke-width: 2; } .s { stroke: var(--shadow); fill: none; stroke-width: 2; stroke-dasharray: 7 3; } .pf { fill: var(--primary); stroke: var(--card); stroke-width: 1.5; } .sf { fill: var(--shadow); stroke: var(--card); stroke-width: 1.5; } .pt { stroke: var(--primary); stroke-width: 1; opacity: .55; fill: none; } .st { stroke: var(--shadow); stroke-width: 1; stroke-dasharray: 4 2; opacity: .6; fill: none; }
.dots { stroke: var(--primary); stroke-width: 3.4; stroke-linecap: round; opacity: .38; fill: none; } .blocks { stroke: var(--shadow); stroke-width: 5.2; stroke-linecap: round; opacity: .85; fill: none; }
.m { stroke: var(--fail); stroke-width: 1.5; stroke-dasharray: 5 3; fill: none; } .e { stroke: var(--faint); stroke-width: 1.2; fill: none; } .z { fill: var(--fail); opacity: .06; }
.band { fill: var(--primary); opacity: .16; } .line { stroke: var(--primary); stroke-width: 2; fill: none; } .break { stroke: var(--ink); stroke-dasharray: 1 3; fill: none; }
.thin { stroke: currentColor; stroke-width: 1; opacity: .8; fill: none; } .ci { stroke: currentColor; stroke-width: 2.4; fill: none; } .pe { fill: currentColor; stroke: var(--card); stroke-width: 1.5; } .hollow { fill: var(--card); stroke: currentColor; stroke-width: 2; }
.choice { display: flex; flex-wrap: wrap; gap: 6px 24px; list-style: none; margin: 0 0 14px; padding: 0; } .choice a { color: inherit; overflow-wrap: anywhere; } .choice a[aria-current] { font-weight: 650; text-decoration: none; }
details { margin-top: 14px; } summary { cursor: pointer; padding: 6px 0; font-weight: 600; overflow-wrap: anywhere; } .usage svg { display: inline-block; width: 64px; height: 6px; margin-right: 8px; vertical-align: middle; }
.disconnected [data-section] { opacity: .7; } details caption { padding: 0; }
footer { margin-top: 40px; color: var(--soft); font-size: 13px; }
@media (max-width: 620px) { main { padding: 18px 12px 48px; } .card { padding: 16px; } th[scope=row] { position: sticky; left: 0; background: var(--card); padding-right: 8px; min-width: 104px; white-space: normal; overflow-wrap: break-word; } .advisory { display: block; } .findings { padding: 20px 18px 18px; } .lanes, .verdict dl.facts { padding: 16px 18px; } .verdict .word { font-size: 27px; gap: 10px; } .word .sign { width: 36px; height: 36px; font-size: 21px; } .word .far { font-size: 18px; } section > h2 { margin-top: 34px; } .arrow { display: none; } }
@page { margin: 12mm; }
@media print { :root { --ink: #000; --soft: #444; --faint: #888; --line: #ccc; --grid: #e8e8e8; --ground: #fff; --card: #fff; --primary: #0b62b8; --shadow: #c2570c; --pass: #17703a; --fail: #b3261e; --open: #855c00; --invalid: #7a3aa0; } body { font-size: 10.5px; -webkit-print-color-adjust: exact; print-color-adjust: exact; } table { font-size: 10px; } small, dt, .label, caption, figcaption, .keys, .advisory { font-size: 9px; } thead th, thead td { font-size: 9.5px; } section > h2 { font-size: 15px; } .verdict .word { font-size: 26px; } .next { font-size: 12px; } .lane strong { font-size: 13px; } .findings { padding: 14px 18px; } .lanes, .verdict dl.facts { padding: 10px 18px; } .plot svg, th svg { width: 108px; height: auto; } th, .c { white-space: normal; } .gates td { padding-left: 5px; } .arrow { display: none; } .matrix th { overflow-wrap: anywhere; } main { padding: 0; max-width: none; } .card { padding: 10px 12px; } .card, tr { break-inside: avoid; } section > h2 { break-after: avoid; margin-top: 22px; } th, td { padding: 3px 0 3px 7px; } .wrap, .checks .what { min-width: 0; } .start { padding-left: 10px; } .matrix tbody td, .matrix thead tr:last-child th:not(:first-child) { padding: 3px 6px; } .scroll { overflow: visible; } .grid { grid-template-columns: 1fr 1fr; } }
`;
