/** Calm, readable in the dark, blue and orange for every eye, and a sign with a word beside each colour. */
export const style: string = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --line: #d8dee4; --ground: #f6f8fa; --card: #ffffff;
  --blue: #0b62b8; --orange: #b34e00; --open: #5b6570; --invalid: #7b3fa0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --line: #30363d; --ground: #0d1117;
  --card: #161b22; --blue: #6cb6ff; --orange: #f0a35e; --open: #9aa5b1; --invalid: #d2a8ff; } }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1200px; margin: 0 auto; padding: 24px 20px 64px; }
header { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: baseline; }
h1 { font-size: 20px; margin: 0; } h2 { font-size: 15px; margin: 0 0 8px; } p { margin: 6px 0; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; margin-top: 16px; }
select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 2px 6px; max-width: 100%; }
.soft, .hint { color: var(--soft); } .hint { font-size: 13px; margin: 0 0 10px; } .scroll { overflow-x: auto; }
#link { margin-left: auto; } .lost section { opacity: .75; }
.PASS { color: var(--blue); } .FAIL { color: var(--orange); } .INCONCLUSIVE, .NOT_JUDGED { color: var(--open); } .INVALID { color: var(--invalid); }
#verdict { border-left: 8px solid currentColor; } #verdict > * { color: var(--ink); }
#verdict #word { font-size: 28px; line-height: 1.2; color: inherit; } #verdict .soft { color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
#reasons { margin: 8px 0; padding-left: 20px; } #next { font-weight: 600; }
progress { display: block; width: 100%; height: 6px; margin: 12px 0 8px; accent-color: var(--blue); }
.scroll table { border-collapse: collapse; width: 100%; }
.scroll :is(th, td) { text-align: right; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
.scroll thead th { color: var(--soft); font-weight: 500; font-size: 13px; } .scroll tbody th { font-weight: 600; }
.scroll :is(th, td):first-child, .scroll :is(th, td):last-child, .scroll .wrap { text-align: left; } .scroll .wrap { white-space: normal; font-weight: 400; }
.scroll tbody tr:last-child > * { border-bottom: 0; }
.scroll tr.endpoint th { font-weight: 400; padding-left: 18px; } tr.pool small { margin-left: 10px; font-weight: 400; }
.bar { position: relative; display: inline-block; width: 190px; height: 18px; vertical-align: middle; margin-right: 8px; background: var(--ground); border-radius: 3px; }
.bar i { position: absolute; top: 0; height: 100%; }
.bar .equal { width: 1px; background: var(--soft); } .bar .limit { width: 2px; background: var(--orange); }
.bar .interval { top: 6px; height: 6px; min-width: 3px; background: var(--blue); border-radius: 3px; opacity: .75; }
.bar .estimate { top: 4px; width: 3px; height: 10px; margin-left: -1px; background: var(--ink); border-radius: 1px; }
.bar b { position: absolute; top: -2px; line-height: 20px; } .beyond { right: -11px; } .short-of { left: -11px; }
.scroll td small { display: block; white-space: normal; min-width: 130px; max-width: 240px; line-height: 1.3; }
.meter { display: inline-block; width: 64px; height: 6px; margin-right: 8px; vertical-align: middle; background: var(--line); border-radius: 3px; overflow: hidden; }
.meter i { display: block; height: 100%; background: var(--blue); }
.key { display: inline-block; vertical-align: middle; margin: 0 5px 0 6px; width: 18px; height: 6px; border-radius: 3px; } .key:first-child { margin-left: 0; }
.key.band { background: var(--blue); } .key.limit { height: 2px; background: var(--orange); } .key.equal { height: 1px; background: var(--soft); } .key.dots { width: 6px; background: var(--soft); }
#chart { min-height: 260px; } .u-legend { color: var(--soft); }
@media (max-width: 560px) { main { padding: 16px 10px 40px; } section { padding: 12px; } #verdict #word { font-size: 22px; } }
`;
