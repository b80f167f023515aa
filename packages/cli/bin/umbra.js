#!/usr/bin/env node
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `error: Umbra needs Node 22.19 or later, this is ${process.version}: install it, or run \`npx -p node@22 umbra …\`; in a checkout run \`npm run setup\`, then \`npx umbra\`\n`,
  );
  process.exit(1);
}
if (process.argv[2] === "serve") {
  const { boundHeapGrowth } = await import("../dist/process/heap-growth.js");
  boundHeapGrowth();
}
const { main } = await import("../dist/main.js");

process.exitCode = await main(process.argv);
