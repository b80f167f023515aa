// Draws docs/report.png, the README's picture, from the page that `npm run demo` wrote. Needs a Chromium.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const page = resolve(process.argv[2] ?? "umbra-demo-report.html");
const picture = fileURLToPath(new URL("../docs/report.png", import.meta.url));
const browser = [process.env.CHROMIUM_BIN, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (file) => file !== undefined && existsSync(file),
);
if (browser === undefined || !existsSync(page)) {
  process.stderr.write(
    "report-picture: run `npm run demo` first, and install Chromium or name it in CHROMIUM_BIN\n",
  );
  process.exit(1);
}
const profile = mkdtempSync(join(tmpdir(), "umbra-browser-"));
const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--hide-scrollbars",
  "--no-first-run",
];
const { status } = spawnSync(
  browser,
  [
    ...flags,
    `--user-data-dir=${profile}`,
    "--window-size=1240,1180",
    `--screenshot=${picture}`,
    pathToFileURL(page).href,
  ],
  { stdio: "ignore" },
);
rmSync(profile, { recursive: true, force: true });
process.exitCode = status ?? 1;
