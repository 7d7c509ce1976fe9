import {
  Errno,
  Translation,
  UnitCounters,
  type BackendDefinition,
  type BackendEnvironment,
  type IommuBackend,
  type IommuDevice,
  type PciFunction,
  type DmaPort,
  type InterruptSink,
  type TranslationUnit,
} from '../../src/index.js';

/** What a test saw of the backend that a machine made. */
export interface SeenBackend {
  readonly definition: BackendDefinition;
  readonly environments: BackendEnvironment[];
  readonly added: IommuDevice[];
  readonly removed: IommuDevice[];
}

/** A backend that takes every device but those of segment 0xdead, and one table frame for each. DMA is not translated. */
export function testBackend(id: string): SeenBackend {
  const environments: BackendEnvironment[] = [];
  const added: IommuDevice[] = [];
  const removed: IommuDevice[] = [];
  const translation = new Translation();
  const unit = {
    translation,
    counters: new UnitCounters(),
    translate: (_requester: number, _pasid: number, iovaHi: number, iovaLo: number) => {
      translation.paHi = iovaHi;
      translation.paLo = iovaLo;
      return true;
    },
  } as unknown as TranslationUnit;
  const create = (environment: BackendEnvironment): IommuBackend => {
    environments.push(environment);
    const backend: Partial<IommuBackend> = {
      id,
      unitOf: () => unit,
      addDevice: (device) => {
        if (device.segment === 0xdead) return Errno.ENODEV;
        environment.tableFrames.allocate(0);
        added.push(device);
        return 0;
      },
      removeDevice: (device) => void removed.push(device),
    };
    return backend as IommuBackend;
  };
  return { definition: { id, create }, environments, added, removed };
}

/** A function that remembers what it was connected to. */
export interface TestFunction extends PciFunction {
  port: DmaPort | undefined;
  interrupt: InterruptSink | undefined;
}

export function testFunction(): TestFunction {
  const made: TestFunction = {
    port: undefined,
    interrupt: undefined,
    vendorId: 0x1234,
    deviceId: 1,
    classCode: 0xff0000,
    revision: 0,
    bars: [],
    interrupts: { intx: 1, msi: 0, msix: 0 },
    resettable: false,
    config: new Uint8Array(256),
    connect: (port, interrupt) => {
      made.port = port;
      made.interrupt = interrupt;
    },
    reset: () => undefined,
  };
  return made;
}
