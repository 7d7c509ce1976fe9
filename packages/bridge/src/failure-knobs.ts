/** Folders of /sys/kernel/debug for the kinds of failures (Documentation/fault-injection/fault-injection.rst), and their files. */
const KINDS = ['fail_iommufd', 'fail_page_alloc', 'fail_usercopy', 'failslab'] as const;
const KNOBS: Readonly<Record<string, string>> = {
  interval: '1\n',
  probability: '0\n',
  space: '0\n',
  'task-filter': 'N\n',
  times: '1\n',
  verbose: '2\n',
};
const OF_ALLOCATIONS: Readonly<Record<string, string>> = { 'ignore-gfp-wait': 'Y\n' };

/** Files of /sys/kernel/debug with their first content. Programs may write them; what fails is decided by `fail-nth` alone. */
export function failureKnobs(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const kind of KINDS) {
    const knobs = {
      ...KNOBS,
      ...((kind === 'failslab' || kind === 'fail_page_alloc') && OF_ALLOCATIONS),
      ...(kind === 'fail_page_alloc' && { 'ignore-gfp-highmem': 'Y\n', 'min-order': '1\n' }),
    };
    for (const [name, content] of Object.entries(knobs)) files.set(`/sys/kernel/debug/${kind}/${name}`, content);
  }
  return files;
}
