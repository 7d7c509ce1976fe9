/** Code of ioasis itself, from sources and as installed, and of Node. */
const OURS = /[/\\](?:@ioasis|packages)[/\\](?:core|compat-vfio|testkit|hw-[a-z0-9-]+)[/\\](?:src|dist)[/\\]|\(?node:/;
const PLACE = /\(?((?:file:\/\/|\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/;

/**
 * The first place on the stack that is not ioasis: where the program or the test made the call.
 * @returns `file:line:column`
 */
export function callSite(): string | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 40;
  const stack = new Error('call site').stack ?? '';
  Error.stackTraceLimit = limit;
  for (const line of stack.split('\n').slice(1)) {
    if (OURS.test(line)) continue;
    const place = PLACE.exec(line)?.[1];
    if (place !== undefined) return place.replace(/^file:\/\//, '');
  }
  return undefined;
}
