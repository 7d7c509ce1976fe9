import { ALL_CAPABILITIES, UserAccount, type Machine, type Process } from '@ioasis/core';

/** Limits that programs run into. Without a number there is none, or what Linux has by default. */
export interface TestLimits {
  /** RLIMIT_MEMLOCK, bytes: the program may pin no more. It is an ordinary user's then, without CAP_IPC_LOCK. */
  readonly memlock?: bigint;
  /** `dma_entry_limit` of vfio_iommu_type1: most mappings of a container machine. */
  readonly dmaEntries?: number;
  /** Memory cgroup: bytes that the kernel may hold for the program, for page tables, frames and objects. */
  readonly kernelBytes?: number;
}

/** The program of a machine with its limits. */
export function spawnWithLimits(machine: Machine, { memlock }: TestLimits): Process {
  if (memlock === undefined) return machine.spawn();
  const capabilities = ALL_CAPABILITIES.filter((capability) => capability !== 'ipc_lock');
  return machine.spawn({ capabilities, user: new UserAccount(), limits: { memlock } });
}
