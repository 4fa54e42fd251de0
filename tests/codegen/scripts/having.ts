type KeysOf<T> = T extends unknown ? keyof T : never;

// Return the record of a union that has a key. A key that none of them has does not compile.
export function having<T extends object, Key extends KeysOf<T>>(key: Key, union: T): Extract<T, Record<Key, unknown>> {
  if (!(key in union)) throw new Error(`no ${String(key)} in ${JSON.stringify(union)}`);
  return union as Extract<T, Record<Key, unknown>>;
}
