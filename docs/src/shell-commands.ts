/** What shows that a command of a document does what the document says. */
interface Proof {
  /** A file that runs it, or runs what it stands for. */
  readonly runBy: string;
  /** How that file has it. */
  readonly as: string;
}

/** Why nothing runs a command. */
interface Excuse {
  readonly notRun: string;
}

/** Every command that documents tell their readers to type, with what runs it; one that is not here fails the test of the documents. */
export const shellCommands: Readonly<Record<string, Proof | Excuse>> = {
  'npx -y pnpm demo': { runBy: 'scripts/pack-check.mjs', as: "'ioasis', 'demo'" },
  'npx -y pnpm test': { runBy: '.ci/run', as: 'pnpm test' },
  'npx -y pnpm install': { runBy: '.ci/run', as: 'pnpm install' },
  'npx -y pnpm api': { notRun: 'it writes docs/api; `pnpm api:check` compares' },
  'npx vitest run --project core memory': { runBy: '.ci/run', as: 'pnpm test' },
  'npx -y pnpm exec vitest run --project testkit kernel-selftest': { runBy: '.ci/run', as: 'pnpm test' },
  'npx -y pnpm test:qemu': {
    notRun: 'it takes minutes and needs QEMU; packages/testkit/test/qemu plays single scenarios',
  },
  'npx -y pnpm ioasis campaign --unit vtd --count 100 --from 5000': { notRun: 'the same' },
  'node scripts/record/vary.mjs --seed 7 fixtures/traces/iommufd/native.jsonl.gz > questions.jsonl': {
    notRun: 'its questions are for record.mjs',
  },
  'node scripts/record/record.mjs --kernel bzImage questions.jsonl > recorded.jsonl': {
    notRun: 'it needs QEMU and a kernel of the reader',
  },
  'npx -y pnpm ioasis replay recorded.jsonl': {
    notRun: 'it needs what record.mjs recorded; packages/cli/test/replay replays fixtures',
  },
  'npx vitest run --project docs -u': { runBy: '.ci/run', as: 'pnpm test' },
  'npx oxfmt packages/core && npx oxlint packages/core': { runBy: '.ci/run', as: 'pnpm lint' },
  'bash .ci/run': { notRun: 'it is what runs all the others' },
  'npx -y pnpm changeset': { notRun: 'it asks questions; .changeset/*.md are what it writes' },
  'npx -y pnpm changeset version': { notRun: 'it takes .changeset/*.md away' },
  'npx ioasis demo': { runBy: 'scripts/pack-check.mjs', as: "'--no-install', 'ioasis', 'demo'" },
  'npm install --save-dev @ioasis/core @ioasis/testkit @ioasis/hw-intel-vtd': {
    runBy: 'scripts/pack-check.mjs',
    as: "'npm', ['install'",
  },
  'IOASIS_BACKEND=amd-vi npx vitest run dma-mapper': {
    runBy: 'packages/testkit/test/machine/each-backend.test.ts',
    as: 'IOASIS_BACKEND',
  },
  'ioasis run --backend intel-vtd -- ./my_program args': {
    runBy: 'packages/cli/test/run/command.test.ts',
    as: "'run', '--',",
  },
  'CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="ioasis run --" cargo test': { notRun: 'it needs Rust' },
  'make my_vfio_test': { notRun: "it stands for the reader's own program" },
  'npx ioasis run --backend intel-vtd --check -- ./my_vfio_test': {
    runBy: 'packages/cli/test/run/command.test.ts',
    as: "'run', '--check', '--'",
  },
  'npx ioasis run --backend amd-vi --personality type1 --check -- ./my_vfio_test': {
    runBy: 'packages/cli/test/run/command.test.ts',
    as: "'run', '--check', '--'",
  },
};
