import type { Machine } from '@ioasis/core';
import { ClientAddressSpace } from './client-address-space.js';
import type { ClientEvents } from './client-events.js';
import type { ClientFiles } from './client-files.js';
import { ClientMemory, type CallCount } from './client-memory.js';
import { ClientProcess } from './client-process.js';
import type { SharedPages } from './shared-pages.js';
import type { ServerOptions } from './server-options.js';
import { procLimits, procStatus } from './proc-status.js';

/** A running program that is served. */
export interface Client {
  readonly process: ClientProcess;
  readonly memory: ClientMemory;
}

/** What the programs of a run have in common. */
export interface RunState {
  readonly files: ClientFiles;
  readonly events: ClientEvents;
  readonly calls: CallCount;
  readonly shared: SharedPages;
}

/**
 * Lets a running program be a process of the machine, with the capabilities and limits that it has now.
 * @returns undefined: it is gone, or its memory may not be accessed
 */
export function startClient(
  machine: Machine,
  osPid: number,
  { files, events, calls, shared }: RunState,
  { isRecorded = false, failures }: ServerOptions,
): Client | undefined {
  const status = procStatus(osPid);
  const memory = status === undefined ? undefined : openMemory(osPid, calls);
  if (status === undefined || memory === undefined) return undefined;
  let client: ClientProcess | undefined;
  machine.spawn({
    capabilities: status.capabilities,
    limits: procLimits(osPid),
    create: (options) => {
      const { pages, user } = options.addressSpace;
      const addressSpace = new ClientAddressSpace(
        { pages, user, failure: machine.failure },
        memory,
        shared,
        isRecorded,
      );
      client = new ClientProcess({ ...options, addressSpace, osPid, files, events, failures });
      return client;
    },
  });
  return client === undefined ? undefined : { process: client, memory };
}

function openMemory(pid: number, calls: CallCount): ClientMemory | undefined {
  try {
    return new ClientMemory(pid, calls);
  } catch {
    return undefined;
  }
}
