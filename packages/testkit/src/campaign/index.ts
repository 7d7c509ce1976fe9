export {
  agreeIn,
  playOnBoth,
  withAnswers,
  type CampaignDifference,
  type CampaignVerdict,
  type KnownDeviation,
} from './campaign.js';
export { deviations } from './deviations.js';
export { generateAmdVi } from './generate-amdvi.js';
export { generateSmmuV3 } from './generate-smmuv3.js';
export { generateVtd } from './generate-vtd.js';
