/** Calm, readable in the dark, and with a word beside each colour. */
export const style: string = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --line: #d8dee4; --ground: #f6f8fa; --card: #fff;
  --primary: #0b62b8; --shadow: #b85c00; --pass: #1a7f37; --fail: #b3261e; --open: #8a6100; --invalid: #7b3fa0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --line: #30363d; --ground: #0d1117;
  --card: #161b22; --primary: #6cb6ff; --shadow: #f0a35e; --pass: #57c26d; --fail: #ff8a80; --open: #e3b341; --invalid: #d2a8ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 20px 64px; }
header { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: baseline; }
h1 { font-size: 20px; margin: 0; } h2 { font-size: 15px; margin: 0 0 10px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; margin-top: 16px; overflow-x: auto; }
.soft { color: var(--soft); } .status { margin-left: auto; }
#verdict { border-left: 6px solid var(--open); } #verdict b { font-size: 20px; } #verdict ul { margin: 6px 0 0; padding-left: 20px; }
.PASS { color: var(--pass); } .FAIL { color: var(--fail); } .INCONCLUSIVE { color: var(--open); } .INVALID { color: var(--invalid); } .NOT_JUDGED { color: var(--soft); }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; font-weight: 600; padding-bottom: 8px; }
th, td { text-align: right; padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; } th:first-child, td:first-child { text-align: left; } td:last-child, th:last-child { text-align: left; }
tr:last-child td { border-bottom: 0; }
.band { position: relative; width: 180px; height: 14px; background: var(--ground); border-radius: 3px; display: inline-block; }
.band i { position: absolute; top: 5px; height: 4px; background: var(--primary); border-radius: 2px; min-width: 3px; }
.band u { position: absolute; top: 0; width: 2px; height: 14px; background: var(--fail); }
select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 2px 6px; }
#chart { min-height: 240px; }
`;
