// Read by pnpm where a package is packed: see scripts/release.mjs. pnpm writes the dependencies in the order in which it has read
// their versions, which depends on the load of the machine; a tarball must be the same each time.
module.exports = {
  hooks: {
    beforePacking(manifest) {
      const sorted = Object.entries(manifest).map(([key, value]) => [
        key,
        /^(?:peerD|optionalD|d)ependencies$/.test(key) ? sortedByName(value) : value,
      ]);
      return Object.fromEntries(sorted);
    },
  },
};

function sortedByName(dependencies) {
  return Object.fromEntries(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
}
