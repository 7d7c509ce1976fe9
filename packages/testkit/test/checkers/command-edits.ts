import type { Command, Rewrite } from './command-filter.js';
import type { Vendor } from './machines.js';

/** What mistakes do to a vendor's commands; positions are the datasheets'. */
export interface CommandEdits {
  readonly isTlb: (command: Command) => boolean;
  /** Invalidates cached context entries, PASID entries, STEs, CDs or DTEs. */
  readonly isStructure: (command: Command) => boolean;
  readonly isWait: (command: Command) => boolean;
  /** A command that does nothing. */
  readonly nothing: Command;
  /** Only the first page of what the command names. */
  readonly narrower: (command: Command) => Command;
  /** Another domain or ASID. */
  readonly otherTag: (command: Command) => Command;
  /** The hint that no table was unlinked: IH, LEAF, or PDE clear. */
  readonly leavesOnly: (command: Command) => Command;
  /** Another requester in a structure's invalidation. */
  readonly otherRequester: (command: Command) => Command;
  /** Another PASID or SSID. */
  readonly otherPasid: (command: Command) => Command;
}

const with0 = ([first = 0n, ...rest]: Command, edit: (word: bigint) => bigint): Command => [edit(first), ...rest];
const with1 = ([first = 0n, second = 0n, ...rest]: Command, edit: (word: bigint) => bigint): Command => [
  first,
  edit(second),
  ...rest,
];

export const edits: Readonly<Record<Vendor, CommandEdits>> = {
  // Type [3:0]; IOTLB: DID [31:16], IH [70], AM [69:64]; context cache: SID [47:32]; PASID cache: PASID [51:32].
  'intel-vtd': {
    isTlb: ([word = 0n]) => [2n, 6n].includes(word & 0xfn),
    isStructure: ([word = 0n]) => [1n, 7n].includes(word & 0xfn),
    isWait: ([word = 0n]) => (word & 0xfn) === 5n,
    nothing: [5n, 0n, 0n, 0n],
    narrower: (command) => with1(command, (word) => word & ~0x3fn),
    otherTag: (command) => with0(command, (word) => word ^ (0x40n << 16n)),
    leavesOnly: (command) => with1(command, (word) => word | 0x40n),
    otherRequester: (command) => with0(command, (word) => word ^ (0x100n << 32n)),
    otherPasid: (command) => with0(command, (word) => word ^ (1n << 32n)),
  },
  // Opcode [7:0]; TLBI: ASID [63:48], SCALE [24:20], NUM [16:12], LEAF [64]; CFGI: SID [63:32], SSID [31:12], SSV [11].
  'arm-smmuv3': {
    isTlb: ([word = 0n]) => (word & 0xffn) >= 0x10n && (word & 0xffn) <= 0x30n,
    isStructure: ([word = 0n]) => (word & 0xffn) >= 3n && (word & 0xffn) <= 6n,
    isWait: ([word = 0n]) => (word & 0xffn) === 0x46n,
    nothing: [0x46n, 0n],
    narrower: (command) => with0(command, (word) => word & ~0x1f1_f000n),
    otherTag: (command) => with0(command, (word) => word ^ (0x40n << 48n)),
    leavesOnly: (command) => with1(command, (word) => word | 1n),
    otherRequester: (command) => with0(command, (word) => word ^ (0x100n << 32n)),
    otherPasid: (command) => with0(command, (word) => word | (1n << 12n) | (1n << 11n)),
  },
  // Opcode [63:60]; INVALIDATE_IOMMU_PAGES: DomainID [47:32], S [64], PDE [65], PASID [19:0]; INVALIDATE_DEVTAB_ENTRY: DeviceID [15:0].
  'amd-vi': {
    isTlb: ([word = 0n]) => [3n, 8n].includes(word >> 60n),
    isStructure: ([word = 0n]) => word >> 60n === 2n,
    isWait: ([word = 0n]) => word >> 60n === 1n,
    nothing: [1n << 60n, 0n],
    narrower: (command) => with1(command, (word) => word & ~1n),
    otherTag: (command) => with0(command, (word) => word ^ (0x40n << 32n)),
    leavesOnly: (command) => with1(command, (word) => word & ~2n),
    otherRequester: (command) => with0(command, (word) => word ^ 0x100n),
    otherPasid: (command) => with0(command, (word) => word ^ 1n),
  },
};

/** Edits the commands of a kind. */
export const editing =
  (isMeant: (command: Command) => boolean, edit: (command: Command) => Command): Rewrite =>
  (commands) =>
    commands.map((command) => (isMeant(command) ? edit(command) : command));

/** Leaves commands of a kind out: in their place is one that does nothing, as long as the ones around it. */
export const dropping = (isMeant: (command: Command) => boolean, nothing: Command): Rewrite =>
  editing(isMeant, (command) => nothing.slice(0, command.length));

/** Puts the waits in front of what they should wait for. */
export const waitingFirst =
  (isWait: (command: Command) => boolean): Rewrite =>
  (commands) => [...commands.filter(isWait), ...commands.filter((command) => !isWait(command))];
