// Lines of the CHANGELOGs. All packages have one version, so that none of them lists the others' as news.

/** @param {{ summary: string }} changeset */
function getReleaseLine({ summary }) {
  const [first, ...rest] = summary.trim().split('\n');
  return [`- ${first}`, ...rest.map((line) => `  ${line}`.trimEnd())].join('\n');
}

module.exports = {
  getReleaseLine: async (changeset) => getReleaseLine(changeset),
  getDependencyReleaseLine: async () => '',
};
