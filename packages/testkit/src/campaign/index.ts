export {
  playOnBoth,
  withAnswers,
  type CampaignDifference,
  type CampaignVerdict,
  type KnownDeviation,
} from './campaign.js';
export { deviations } from './deviations.js';
export { generators } from './generators.js';
