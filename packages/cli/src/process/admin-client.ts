import { request } from "undici";

/** Reads JSON from a sidecar's admin interface. Throws with the way out when it can't be had. */
export async function adminJson<T>(
  admin: string,
  path: string,
  signal?: AbortSignal,
  limitMs = 10_000,
): Promise<T> {
  const limit = AbortSignal.timeout(limitMs);
  const { statusCode, body } = await request(`http://${admin}${path}`, {
    signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`http://${admin}${path} answered ${statusCode}`);
  return JSON.parse(text) as T;
}

/** Makes a changing call. Throws with the sidecar's own words when it is refused. */
export async function adminCall<T>(
  admin: string,
  path: string,
  body: object,
  token: string | undefined,
): Promise<T> {
  const answer = await request(`http://${admin}${path}`, {
    method: "POST",
    signal: AbortSignal.timeout(10_000),
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  const text = await answer.body.text();
  if (answer.statusCode === 200) return JSON.parse(text) as T;
  const { error } = JSON.parse(text) as { readonly error?: string };
  throw new Error(error ?? `http://${admin}${path} answered ${answer.statusCode}`);
}

/** True when the sidecar says that it is ready. */
export async function isReady(admin: string): Promise<boolean> {
  return adminJson(admin, "/readyz").then(
    () => true,
    () => false,
  );
}
