// The public interface of every package, in docs/api/NAME.api.md: node scripts/api.mjs [--write]
// Without --write it fails when the interface is no longer what the report says, so that a change of it is seen in review.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { root } from './build.mjs';

const write = process.argv[2] === '--write';
const reports = join(root, 'docs/api');
mkdirSync(reports, { recursive: true });

const stale = readdirSync(join(root, 'packages')).filter((folder) => !isCurrent(folder));
if (stale.length > 0 && !write)
  console.error(`the interface changed: ${stale.join(', ')}; see it with: npx -y pnpm api && git diff docs/api`);
process.exitCode = stale.length > 0 && !write ? 1 : 0;

function isCurrent(folder) {
  const packageFolder = join(root, 'packages', folder);
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: packageFolder,
      mainEntryPointFilePath: join(packageFolder, 'dist/index.d.ts'),
      compiler: { tsconfigFilePath: join(packageFolder, 'tsconfig.json') },
      apiReport: {
        enabled: true,
        reportFileName: `${folder}.api.md`,
        reportFolder: reports,
        reportTempFolder: join(root, '.cache/api'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        extractorMessageReporting: { default: { logLevel: 'none' } },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
    configObjectFullPath: undefined,
    packageJson: JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')),
    packageJsonFullPath: join(packageFolder, 'package.json'),
  });
  const { apiReportChanged, succeeded } = Extractor.invoke(config, {
    localBuild: write,
    // Its own lines say which compiler it brings along; what matters is said above.
    messageCallback: (message) => {
      if (message.logLevel !== 'error') message.logLevel = 'none';
    },
  });
  if (!succeeded && !apiReportChanged) throw new Error(`the interface of ${folder} cannot be read`);
  return !apiReportChanged;
}
