// What Umbra's packages bring along when they are installed: as a CycloneDX document, and as a list to read. Pure: data in, text out.
import { createHash } from "node:crypto";

/**
 * @typedef {Readonly<Record<string, readonly {readonly name: string, readonly versions: readonly string[]}[]>>} Licences as
 *   `pnpm licenses list --json --prod` prints them: packages by licence
 */

/** @param {Licences} licences */
export function licenceList(licences) {
  const rows = packagesOf(licences).map(
    ({ name, version, licence }) => `| \`${name}\` | ${version} | ${licence} |`,
  );
  return `# Licences of what is installed with Umbra\n\n| package | version | licence |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
}

/**
 * CycloneDX 1.6. It has no time and no random number: the same dependencies give the same bytes.
 * @param {{readonly licences: Licences, readonly lockfile: string, readonly version: string}} of
 */
export function billOfMaterials({ licences, lockfile, version }) {
  const components = packagesOf(licences).map(({ name, version: own, licence }) => ({
    type: "library",
    name,
    version: own,
    purl: `pkg:npm/${name.replace("@", "%40")}@${own}`,
    licenses: [
      / (?:AND|OR) /.test(licence) ? { expression: bare(licence) } : { license: { id: licence } },
    ],
    ...hashesOf(lockfile, `${name}@${own}`),
  }));
  const content = {
    metadata: { component: { type: "application", name: "umbra", version } },
    components,
  };
  const digest = createHash("sha256").update(JSON.stringify(content)).digest("hex");
  const serial = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-4${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  const head = { bomFormat: "CycloneDX", specVersion: "1.6", serialNumber: `urn:uuid:${serial}` };
  return `${JSON.stringify({ ...head, version: 1, ...content }, undefined, 2)}\n`;
}

/** @param {Licences} licences */
function packagesOf(licences) {
  const all = Object.entries(licences).flatMap(([licence, packages]) =>
    packages.flatMap(({ name, versions }) =>
      versions.map((version) => ({ name, version, licence, key: `${name}@${version}` })),
    ),
  );
  return all.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** `(A AND B)` without its parentheses. */
function bare(licence) {
  return /^\((.*)\)$/.exec(licence)?.[1] ?? licence;
}

/** The lockfile has a hash of each package's tarball, in base 64. */
function hashesOf(lockfile, key) {
  const escaped = key.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const found = new RegExp(
    `^  '?${escaped}'?:\\n    resolution: \\{integrity: sha512-([A-Za-z0-9+/=]+)`,
    "m",
  ).exec(lockfile);
  if (found?.[1] === undefined) return {};
  return {
    hashes: [{ alg: "SHA-512", content: Buffer.from(found[1], "base64").toString("hex") }],
  };
}
