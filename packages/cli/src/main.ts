#!/usr/bin/env node
import { Command } from 'commander';

const program = new Command('ioasis').description('An IOMMU you can put in a unit test').version('0.0.0');

program
  .command('demo')
  .description('show a device doing DMA through an IOMMU')
  .action(() => {
    process.stdout.write('ioasis: nothing to show yet\n');
  });

await program.parseAsync();
