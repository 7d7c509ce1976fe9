// The arrows between the packages, see the drawing in the README. They hold for types as well as for values.
//   cli -> testkit -> compat-vfio -> core,   cli -> bridge -> compat-vfio,   hw-* -> core

/** @param {string} packages of a regular expression; sources only, tests may import what package.json lists */
const sourcesOf = (packages) => `^packages/${packages}/src/`;

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'core-imports-nobody',
      comment: 'core is what all others stand on; this holds for its tests too.',
      severity: 'error',
      from: { path: '^packages/core/' },
      to: { path: '^(packages|bench|examples)/', pathNot: '^packages/core/' },
    },
    {
      name: 'core-runs-in-a-browser',
      comment: 'No Node module in the sources of core.',
      severity: 'error',
      from: { path: sourcesOf('core') },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'vendors-import-only-core',
      severity: 'error',
      from: { path: sourcesOf('(hw-[^/]+)') },
      to: { path: '^packages/', pathNot: '^packages/(core|$1)/' },
    },
    {
      name: 'vendors-do-not-know-each-other',
      comment: 'Not even in their tests: what compares vendors belongs into the tests of testkit.',
      severity: 'error',
      from: { path: '^packages/(hw-[^/]+)/' },
      to: { path: '^packages/hw-', pathNot: '^packages/$1/' },
    },
    {
      name: 'unit-and-driver-meet-in-memory-only',
      severity: 'error',
      from: { path: '^(packages|examples)/(hw-[^/]+)/src/unit/' },
      to: { path: '^$1/$2/src/driver/' },
    },
    {
      name: 'driver-and-unit-meet-in-memory-only',
      severity: 'error',
      from: { path: '^(packages|examples)/(hw-[^/]+)/src/driver/' },
      to: { path: '^$1/$2/src/unit/' },
    },
    {
      name: 'third-parties-import-only-core',
      comment: 'The example of a vendor is written with the public exports of published packages.',
      severity: 'error',
      from: { path: '^examples/hw-[^/]+/src/' },
      to: { path: '^packages/', pathNot: '^packages/core/src/index.ts$' },
    },
    {
      name: 'compat-vfio-imports-only-core',
      severity: 'error',
      from: { path: sourcesOf('compat-vfio') },
      to: { path: '^packages/', pathNot: '^packages/(core|compat-vfio)/' },
    },
    {
      name: 'testkit-imports-no-vendor',
      comment: 'Vendors are handed in.',
      severity: 'error',
      from: { path: sourcesOf('testkit') },
      to: { path: '^packages/', pathNot: '^packages/(core|compat-vfio|testkit)/' },
    },
    {
      name: 'bridge-imports-no-vendor',
      comment: 'Machines and device models are handed in, by cli or by whoever runs programs on one.',
      severity: 'error',
      from: { path: sourcesOf('bridge') },
      to: { path: '^packages/', pathNot: '^packages/(core|compat-vfio|bridge)/' },
    },
    {
      name: 'only-cli-imports-bridge',
      comment: 'It compiles C and starts programs, which nothing below it does.',
      severity: 'error',
      from: { path: '^(packages|bench|examples)/', pathNot: '^packages/(cli|bridge)/' },
      to: { path: '^packages/bridge/' },
    },
    {
      name: 'sources-import-no-tests',
      severity: 'error',
      from: { path: sourcesOf('[^/]+') },
      to: { path: '^(packages/[^/]+/test|bench|examples)/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'sources-use-declared-dependencies',
      comment: 'What a published file imports is listed in dependencies of its package.json.',
      severity: 'error',
      from: { path: sourcesOf('[^/]+') },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'imports-exist',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/(dist|native)/' },
    combinedDependencies: false,
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@ioasis/source', 'import', 'node', 'types', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
