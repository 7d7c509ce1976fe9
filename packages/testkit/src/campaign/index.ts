export { agreeIn, playOnBoth, type CampaignDifference, type CampaignVerdict, type KnownDeviation } from './campaign.js';
export { deviations } from './deviations.js';
export { generateAmdVi } from './generate-amdvi.js';
export { generateVtd } from './generate-vtd.js';
