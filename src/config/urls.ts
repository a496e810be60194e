// Settings that hold the URL of another server.

/** What is wrong with the URL of a Redis, if anything. The text is not repeated: it may hold a password. */
export function redisProblem(text: string): string | undefined {
  const url = URL.parse(text);
  const fits = url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== "";
  return text === "" || fits ? undefined : "must be a redis:// or rediss:// URL that names a host";
}

/** What is wrong with an origin that stands for this server, if anything. */
export function originProblem(text: string): string | undefined {
  const url = URL.parse(text);
  const fits = url !== null && /^https?:$/.test(url.protocol) && url.origin === text;
  return text === "" || fits ? undefined : "must be an origin such as https://charter.example, without a path";
}
