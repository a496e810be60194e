// JSON pointers (RFC 6901).

/** A pointer one step deeper: to the value of a key, or to an item of a list by its index. */
export function below(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
