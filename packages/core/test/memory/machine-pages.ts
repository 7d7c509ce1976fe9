import { isLeft, type Either } from 'fp-ts/lib/Either.js';
import {
  AddressSpace,
  FrameAllocator,
  PageFrames,
  PhysicalMemory,
  UserAccount,
  type FailureSource,
  type PageSize,
  type Refusal,
} from '../../src/index.js';

/** Memory with its frames, small enough that tests can use it up. */
export interface TestPages {
  readonly memory: PhysicalMemory;
  readonly frames: FrameAllocator;
  readonly pages: PageFrames;
  readonly space: AddressSpace;
}

export function testPages(
  options: { pageSize?: PageSize; frames?: number; failure?: FailureSource; taskSize?: bigint } = {},
): TestPages {
  const memory = new PhysicalMemory({
    windows: [{ start: 0n, last: 0xffff_ffffn }],
    arena: { start: 0x1000_0000n, last: 0x1003_ffffn },
  });
  const frames = new FrameAllocator(memory, { firstFrame: 0x1_0000, frames: options.frames ?? 0x2_0000 });
  const pages = new PageFrames(memory, frames, options.pageSize ?? 4096);
  const { failure, taskSize } = options;
  return { memory, frames, pages, space: new AddressSpace({ pages, user: new UserAccount(), failure, taskSize }) };
}

/** The code of a refusal; `ok` for success. */
export const codeOf = (result: Either<Refusal, unknown>): string => (isLeft(result) ? result.left.code : 'ok');
