import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { post } from "../../harness/client.ts";
import { freePorts } from "../../harness/ports.ts";
import { runUmbra, startUmbra } from "../../harness/processes.ts";
import type { Attack } from "../attack.ts";
import { repeat, untilAborted } from "../repeat.ts";
import { resources } from "../target-resources.ts";

const removed: Attack = {
  name: "the capture folder is removed",
  way: "files",
  async run({ captures }, signal) {
    await repeat(500, signal, async () => rmSync(captures, { recursive: true, force: true }));
    return undefined;
  },
};

const secret = "alice.secret@example.com";
const kept: Attack = {
  name: "secrets in what is captured",
  way: "files",
  async run({ origin, captures }, signal) {
    await repeat(100, signal, async (i) =>
      post(origin, JSON.stringify({ model: "m", stream: i % 2 === 0, prompt: `mail ${secret}` })),
    );
    const files = readdirSync(captures, { recursive: true, withFileTypes: true });
    const texts = files
      .filter((file) => file.isFile())
      .map((file) => readFileSync(join(file.parentPath, file.name), "utf8"));
    if (texts.length === 0) return "nothing was captured";
    return texts.some((text) => text.includes(secret)) ? "an address is in a capture" : undefined;
  },
};

/** What `umbra` must refuse, while honest clients are served by the one that runs. */
function refused(name: string, ask: (folder: string) => Promise<string | undefined>): Attack {
  return {
    ...{ name, way: "files" },
    async run(_target, signal) {
      const folder = mkdtempSync(join(tmpdir(), "umbra-hostile-files-"));
      try {
        const wrong = await ask(folder);
        await untilAborted(signal);
        return wrong;
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

const yaml = (primary = 9_000) =>
  resources({ failureMode: "FailClose", hasMirror: true, primary: [primary], shadow: [9_001] });

async function isServeRefused(folder: string, samples: string): Promise<string | undefined> {
  const file = join(folder, "resources.yaml");
  writeFileSync(file, yaml());
  const [grpc, admin] = await freePorts(2);
  const serve = startUmbra(
    ...["serve", "-f", file, "--grpc", `127.0.0.1:${grpc}`, "--admin", `127.0.0.1:${admin}`],
    ...["--samples", samples],
  );
  const ended = await Promise.race([
    new Promise<number | null>((resolve) => serve.process.once("exit", resolve)),
    new Promise<"running">((resolve) => setTimeout(() => resolve("running"), 20_000)),
  ]);
  await serve.stop();
  // 2: the flag's own check found it.
  return ended === 1 || ended === 2 ? undefined : `umbra serve with ${samples}: ${ended}`;
}

async function isCheckRefused(
  folder: string,
  text: string,
  code: string,
): Promise<string | undefined> {
  const file = join(folder, "resources.yaml");
  writeFileSync(file, text);
  const { status, stdout, stderr } = await runUmbra("check", "-f", file);
  return status !== 0 && (stdout + stderr).includes(code)
    ? undefined
    : `umbra check ended with ${status} and without ${code}`;
}

const filter = (type: string, field: string) => `      filters:
        - type: ${type}
          ${field}: {set: [{name: content-length, value: "13"}]}
`;

export const fileAttacks: readonly Attack[] = [
  // In this order: what is removed is captured again only once something differs more, or within a minute.
  kept,
  removed,
  refused("samples that are a folder", (folder) => isServeRefused(folder, folder)),
  refused("samples on a full disk", (folder) => isServeRefused(folder, "/dev/full")),
  refused("samples that are a link", (folder) => {
    symlinkSync("/etc/hostname", join(folder, "link"));
    return isServeRefused(folder, join(folder, "link"));
  }),
  refused("a route that sets content-length", (folder) =>
    isCheckRefused(
      folder,
      yaml().replace("      filters:\n", filter("RequestHeaderModifier", "requestHeaderModifier")),
      "UMB0104",
    ),
  ),
  refused("an endpoint on Envoy's admin interface", (folder) =>
    isCheckRefused(folder, yaml(9_901), "UMB0"),
  ),
];
