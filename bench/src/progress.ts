/** Tells the reader of a long run what is measured now. */
export type Progress = (what: string) => void;

/** On stderr, so that results can be piped. */
export const toStderr: Progress = (what) => void process.stderr.write(`bench: ${what}\n`);
/** To nobody. */
export const silent: Progress = () => undefined;
