import { request } from "undici";

/** Reads JSON from a sidecar's admin interface. Throws with the way out when it can't be had. */
export async function adminJson<T>(admin: string, path: string, signal?: AbortSignal): Promise<T> {
  const limit = AbortSignal.timeout(10_000);
  const { statusCode, body } = await request(`http://${admin}${path}`, {
    signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`http://${admin}${path} answered ${statusCode}`);
  return JSON.parse(text) as T;
}

/** True when the sidecar says that it is ready. */
export async function isReady(admin: string): Promise<boolean> {
  return adminJson(admin, "/readyz").then(
    () => true,
    () => false,
  );
}
