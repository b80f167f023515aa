// What only this repository's tests import, as `@umbra/control/internal`. No promises: it may change in any version, and it
// resolves only under the condition `@umbra/source`, which this repository sets and an application does not.

export { changesBetween } from "./changes/changes.ts";
export { type FileSystem, nodeFileSystem } from "./files/find-files.ts";
export { foldersOnTheWay } from "./files/folders-on-the-way.ts";
export { createSourceFiles } from "./files/source-files.ts";
export { watchFiles } from "./files/watched-files.ts";
export { createConfigurer } from "./resolve/configurer.ts";
export { placeOf, placesIn } from "./resolve/places.ts";
export { startFollowing } from "./thread/following.ts";
export type { StartWorker } from "./thread/following-thread.ts";
export type { FromWorker, ToWorker, WorkerSetup } from "./thread/worker-messages.ts";
