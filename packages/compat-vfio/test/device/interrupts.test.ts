import { describe, expect, it } from 'vitest';
import { EventFile } from '../../src/device/event-file.js';
import { Interrupts } from '../../src/device/interrupts.js';

describe('interrupts of an open device', () => {
  it('are lost before a kind is enabled', () => {
    const interrupts = new Interrupts();
    const event = new EventFile();
    interrupts.connect(0, event);
    interrupts.raise('msi', 0);
    expect(event.count).toBe(0n);
  });

  it('signal the eventfd of their vector', () => {
    const interrupts = new Interrupts();
    const events = [new EventFile(), new EventFile()];
    interrupts.enable('msi', 2);
    for (const [vector, event] of events.entries()) interrupts.connect(vector, event);
    interrupts.raise('msi', 1);
    expect(events.map(({ count }) => count)).toEqual([0n, 1n]);
  });

  it('of a pin mask themselves until they are unmasked; what came meanwhile comes then', () => {
    const interrupts = new Interrupts();
    const event = new EventFile();
    interrupts.enable('intx', 1);
    interrupts.connect(0, event);
    interrupts.raise('intx', 0);
    interrupts.raise('intx', 0);
    expect(event.count).toBe(1n);
    interrupts.unmask();
    expect(event.count).toBe(2n);
  });

  it('of a pin wait while the command register disables them', () => {
    const interrupts = new Interrupts();
    const event = new EventFile();
    interrupts.enable('intx', 1);
    interrupts.connect(0, event);
    interrupts.setIntxDisabled(true);
    interrupts.raise('intx', 0);
    expect(event.count).toBe(0n);
    interrupts.setIntxDisabled(false);
    expect(event.count).toBe(1n);
  });
});
