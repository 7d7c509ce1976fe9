/** Names of the methods of a type. */
export type MethodOf<T> = { [K in keyof T]-?: T[K] extends (...parameters: never[]) => unknown ? K : never }[keyof T];

type Method = (...parameters: never[]) => unknown;

/**
 * Puts a function in front of one object's method. Other objects of the class are as fast as before, and so is this one after the undo.
 * @param around makes the function from the method, which is bound to the object
 * @returns undoes it
 */
export function intercept<T extends object, K extends MethodOf<T>>(
  target: T,
  method: K,
  around: (original: Extract<T[K], Method>) => Extract<T[K], Method>,
): () => void {
  const own = Object.getOwnPropertyDescriptor(target, method);
  const original = target[method] as Extract<T[K], Method>;
  const value = around(original.bind(target) as Extract<T[K], Method>);
  Object.defineProperty(target, method, { value, configurable: true, writable: true });
  return () => {
    if (own === undefined) Reflect.deleteProperty(target, method);
    else Object.defineProperty(target, method, own);
  };
}
