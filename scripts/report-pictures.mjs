// Draws the pictures of reports that the documentation shows: docs/report.png, and each verdict at 1280 and at 390 px
// in docs/pictures. Needs a Chromium. Before: `UPDATE_GOLDEN=1 npm run test:unit -- packages/shadow/test/render.test.ts`.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { smallPng } from "./small-png.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const maxBytes = 200 * 1024;
const widths = [
  { width: 1_280, height: 2_300 },
  { width: 390, height: 2_000 },
];
const verdicts = ["pass", "fail", "inconclusive", "invalid"];

const browser = [process.env.CHROMIUM_BIN, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (file) => file !== undefined && existsSync(file),
);
if (browser === undefined) {
  process.stderr.write("docs:pictures: install Chromium, or name it in CHROMIUM_BIN\n");
  process.exit(1);
}
const work = mkdtempSync(join(tmpdir(), "umbra-pictures-"));
try {
  mkdirSync(join(root, "docs", "pictures"), { recursive: true });
  for (const verdict of verdicts) {
    const page = join(root, "packages/shadow/test/cases/render", verdict, "report.html");
    for (const { width, height } of widths) {
      draw(page, { width, height, to: join(root, "docs/pictures", `${verdict}-${width}.png`) });
    }
  }
  const fail = join(root, "packages/shadow/test/cases/render/fail/report.html");
  draw(fail, { width: 1_280, height: 2_300, to: join(root, "docs/report.png") });
} finally {
  rmSync(work, { recursive: true, force: true });
}

/**
 * @param {string} page
 * @param {{ width: number, height: number, to: string }} picture
 */
function draw(page, { width, height, to }) {
  // A window of a desktop browser is never narrower than 500 px: a narrow page is shown in a frame of its width.
  const frame = join(work, "frame.html");
  const source = pathToFileURL(page).href;
  writeFileSync(
    frame,
    `<!doctype html><style>body{margin:0;overflow:hidden}iframe{border:0;width:${width}px;height:${height}px}</style><iframe src="${source}"></iframe>`,
  );
  const shot = join(work, "shot.png");
  const { status } = spawnSync(
    browser ?? "",
    [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"],
      ...[
        `--user-data-dir=${join(work, "profile")}`,
        `--window-size=${Math.max(width, 500)},${height}`,
      ],
      ...["--allow-file-access-from-files", `--screenshot=${shot}`, pathToFileURL(frame).href],
    ],
    { stdio: "ignore", timeout: 120_000 },
  );
  if (status !== 0) throw new Error(`docs:pictures: ${browser} ended with ${status}`);
  writeFileSync(to, smallPng(readFileSync(shot), { width, height }));
  const bytes = statSync(to).size;
  process.stdout.write(`${to.slice(root.length)} ${Math.round(bytes / 1024)} KB\n`);
  if (bytes > maxBytes) throw new Error(`docs:pictures: ${to} is larger than 200 KB`);
}
